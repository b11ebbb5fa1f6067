package httpserver

import (
	"context"
	"net/http"
	"net/textproto"
	"strings"

	"go.opentelemetry.io/otel/propagation"

	"github.com/huleedu/edge/adapters/internal/identity"
)

// outboundHeader returns the header of a forwarded request: the client's header
// without reserved headers, then the gateway's own. Client headers reach a service
// only through this function.
func (g *gateway) outboundHeader(ctx context.Context, in *http.Request, x *requestState) http.Header {
	out := make(http.Header, len(in.Header)+8)
	named := connectionOptions(in.Header)
	for name, values := range in.Header {
		if !isReservedHeader(name) && !named[name] {
			out[name] = values
		}
	}
	if !g.Config.ForwardAuthorization {
		delete(out, "Authorization")
	}
	id := identity.Of(x.caller)
	out.Set("X-User-Id", id.User)
	if id.Org != "" {
		out.Set("X-Org-Id", id.Org)
	}
	if id.Encoding != "" {
		out.Set("X-Identity-Encoding", id.Encoding)
	}
	out.Set("X-Correlation-Id", x.trail.CorrelationID)
	out.Set("X-Forwarded-For", g.limits.trusted.clientAddr(in))
	out.Set("X-Forwarded-Proto", g.limits.trusted.scheme(in))
	out.Set("X-Forwarded-Host", in.Host)
	propagation.TraceContext{}.Inject(ctx, propagation.HeaderCarrier(out))
	return out
}

// connectionOptions returns the headers that Connection lists as hop-by-hop.
func connectionOptions(h http.Header) map[string]bool {
	var named map[string]bool
	for _, line := range h["Connection"] {
		for name := range strings.SplitSeq(line, ",") {
			if named == nil {
				named = map[string]bool{}
			}
			named[textproto.CanonicalMIMEHeaderKey(textproto.TrimString(name))] = true
		}
	}
	return named
}

// maxReservedName is longer than every reserved name, in bytes.
const maxReservedName = 24

// isReservedHeader reports whether a client's header must not reach a service. Names
// are compared in normalized form, because CGI and WSGI servers map X_User.ID and
// X-User-ID to one variable.
func isReservedHeader(name string) bool {
	var space [maxReservedName]byte
	folded := normalizeName(space[:0], name)
	if strings.HasPrefix(string(folded), "x-forwarded-") {
		return true
	}
	if len(name) > maxReservedName {
		return false
	}
	switch string(folded) {
	case "x-user-id", "x-org-id", "x-internal-api-key", "x-service-id", "x-identity-encoding",
		"x-correlation-id", "x-request-id", "x-roles", "x-user-roles", // identity
		"x-original-url", "x-original-uri", "x-rewrite-url", "x-http-method-override", "x-http-method", "x-method-override": // replace path or method at some services
		return true
	case "forwarded", "x-real-ip", "baggage", "traceparent", "tracestate": // origin and trace
		return true
	case "connection", "proxy-connection", "keep-alive", "proxy-authenticate", "proxy-authorization",
		"te", "trailer", "transfer-encoding", "upgrade", "http2-settings": // hop-by-hop
		return true
	case "content-length", "host", "expect", "proxy": // framing; CGI reads Proxy as a setting
		return true
	default:
		return false
	}
}

// normalizeName appends the lower-case name, with a hyphen for every character that
// is not a letter or digit. It stops at the capacity of b.
func normalizeName(b []byte, name string) []byte {
	for i := range min(len(name), cap(b)) {
		switch c := name[i]; {
		case c >= 'A' && c <= 'Z':
			b = append(b, c+'a'-'A')
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9':
			b = append(b, c)
		default:
			b = append(b, '-')
		}
	}
	return b
}

// clientAddr returns the client's address. It evaluates X-Forwarded-For of trusted
// proxies.
func (l trustedProxies) clientAddr(r *http.Request) string {
	addr, known := parseAddr(r.RemoteAddr)
	if !known {
		return unknownNetwork
	}
	if l.contains(addr) {
		addr = l.forwardedClient(addr, r.Header["X-Forwarded-For"])
	}
	return addr.String()
}

// scheme returns the scheme that the client used, as a trusted proxy reports it.
func (l trustedProxies) scheme(r *http.Request) string {
	if r.TLS != nil {
		return "https"
	}
	if addr, known := parseAddr(r.RemoteAddr); known && l.contains(addr) && r.Header.Get("X-Forwarded-Proto") == "https" {
		return "https"
	}
	return "http"
}

// isGatewayHeader reports whether the gateway sets a response header itself.
func isGatewayHeader(name string) bool {
	var space [maxReservedName]byte
	folded := string(normalizeName(space[:0], name))
	for _, prefix := range []string{"access-control-", "ratelimit", "x-ratelimit-", "x-rate-limit-"} {
		if strings.HasPrefix(folded, prefix) {
			return true
		}
	}
	switch folded {
	case "x-correlation-id", "x-request-id", "x-trace-id", "traceparent", "tracestate", "traceresponse", "trailer", "x-content-type-options":
		return true
	default:
		return false
	}
}
