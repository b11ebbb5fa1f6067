package proxy

import (
	"context"
	"net/http"
	"net/textproto"
	"slices"
	"strings"

	"go.opentelemetry.io/otel/propagation"

	"github.com/huleedu/edge/adapters/httpserver/clientip"
	"github.com/huleedu/edge/adapters/internal/identity"
	"github.com/huleedu/edge/domain"
)

// HeaderRules decides which headers of a client reach a service.
type HeaderRules struct {
	// Trusted are the proxies whose X-Forwarded-For and X-Forwarded-Proto count.
	Trusted clientip.Proxies
	// ForwardAuthorization passes the caller's token on.
	ForwardAuthorization bool
}

// Outbound returns the header of a request to a service: the client's header without
// reserved headers, then the gateway's own. dropped are further headers to leave out, in
// lower case, in any spelling. Client headers reach a service only through this function.
func (r HeaderRules) Outbound(ctx context.Context, in Request, dropped ...string) http.Header {
	out := make(http.Header, len(in.Header)+8)
	named := connectionOptions(in.Header)
	for name, values := range in.Header {
		normal := normalize(name)
		if !isReserved(normal) && !slices.Contains(dropped, normal) && !named[name] {
			out[name] = values
		}
	}
	if !r.ForwardAuthorization {
		delete(out, "Authorization")
	}
	id := identity.Of(in.Caller)
	out.Set("X-User-Id", id.User)
	if id.Org != "" {
		out.Set("X-Org-Id", id.Org)
	}
	if id.Encoding != "" {
		out.Set("X-Identity-Encoding", id.Encoding)
	}
	out.Set("X-Correlation-Id", domain.RequestContextOf(ctx).CorrelationID)
	out.Set("X-Forwarded-For", r.Trusted.Address(in.Request))
	out.Set("X-Forwarded-Proto", r.Trusted.Scheme(in.Request))
	out.Set("X-Forwarded-Host", in.Host)
	propagation.TraceContext{}.Inject(ctx, propagation.HeaderCarrier(out))
	return out
}

// connectionOptions returns the headers that Connection lists as hop-by-hop.
func connectionOptions(h http.Header) map[string]bool {
	named := map[string]bool{}
	for _, line := range h["Connection"] {
		for name := range strings.SplitSeq(line, ",") {
			named[textproto.CanonicalMIMEHeaderKey(textproto.TrimString(name))] = true
		}
	}
	return named
}

// isReserved reports whether a client's header, with its name normalized, must not reach
// a service.
func isReserved(name string) bool {
	switch name {
	case "x-user-id", "x-org-id", "x-internal-api-key", "x-service-id", "x-identity-encoding",
		"x-correlation-id", "x-request-id", "x-roles", "x-user-roles", // identity
		"x-original-url", "x-original-uri", "x-rewrite-url", "x-http-method-override", "x-http-method", "x-method-override": // replace path or method at some services
		return true
	case "forwarded", "x-real-ip", "baggage", "traceparent", "tracestate": // origin and trace
		return true
	case "content-length", "host", "expect", "proxy": // framing; CGI reads Proxy as a setting
		return true
	default:
		return isHopByHop(name) || strings.HasPrefix(name, "x-forwarded-")
	}
}

// isHopByHop reports whether a header, in lower case, belongs to one connection.
func isHopByHop(name string) bool {
	switch name {
	case "connection", "proxy-connection", "keep-alive", "proxy-authenticate", "proxy-authorization",
		"te", "trailer", "transfer-encoding", "upgrade", "http2-settings":
		return true
	default:
		return false
	}
}

// isGatewayHeader reports whether the gateway itself sets a response header, with its
// name normalized.
func isGatewayHeader(name string) bool {
	switch name {
	case "x-correlation-id", "x-request-id", "x-trace-id", "traceparent", "tracestate", "traceresponse", "trailer", "x-content-type-options":
		return true
	default:
		return slices.ContainsFunc([]string{"access-control-", "ratelimit", "x-ratelimit-", "x-rate-limit-"},
			func(prefix string) bool { return strings.HasPrefix(name, prefix) })
	}
}

// normalize returns a header name in lower case, with a hyphen for every character that
// is not a letter or digit. CGI and WSGI servers map X_User.ID and X-User-ID to one
// variable.
func normalize(name string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case c >= 'A' && c <= 'Z':
			return c + 'a' - 'A'
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9':
			return c
		default:
			return '-'
		}
	}, name)
}
