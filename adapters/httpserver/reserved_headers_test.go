package httpserver_test

import (
	"context"
	"net/textproto"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/huleedu/edge/adapters/httpserver"
	"github.com/huleedu/edge/domain"
)

// reservedVariables returns the variables that no client can set at a service.
func reservedVariables() []string {
	return []string{
		"X_ORG_ID", "X_INTERNAL_API_KEY", "X_SERVICE_ID", "X_IDENTITY_ENCODING", "X_REQUEST_ID", "X_ROLES", "X_USER_ROLES",
		"X_ORIGINAL_URL", "X_ORIGINAL_URI", "X_REWRITE_URL", "X_HTTP_METHOD_OVERRIDE", "X_HTTP_METHOD", "X_METHOD_OVERRIDE",
		"FORWARDED", "X_REAL_IP", "BAGGAGE", "AUTHORIZATION", "PROXY_AUTHORIZATION",
		"PROXY", "UPGRADE", "CONNECTION", "PROXY_CONNECTION", "KEEP_ALIVE", "TE", "TRAILER", "EXPECT", "HTTP2_SETTINGS",
	}
}

// requireGatewayHeaders checks that the identity in a request is the gateway's, once, and
// nothing else.
func requireGatewayHeaders(tb testing.TB, seen *received, user, answer string) {
	tb.Helper()
	correlation := ""
	for line := range strings.SplitSeq(answer, "\r\n") {
		if value, found := strings.CutPrefix(line, "X-Correlation-Id: "); found {
			correlation = value
		}
	}
	for name, value := range map[string]string{
		"X_USER_ID": user, "X_CORRELATION_ID": correlation, "X_FORWARDED_FOR": "127.0.0.1", "X_FORWARDED_PROTO": "http", "X_FORWARDED_HOST": "gateway",
	} {
		require.Equal(tb, []string{value}, seen.env[name], name)
	}
	require.Len(tb, seen.env["HOST"], 1)
	require.Len(tb, seen.env["TRACEPARENT"], 1)
	require.LessOrEqual(tb, len(seen.env["TRACESTATE"]), 1)
	require.LessOrEqual(tb, len(seen.env["CONTENT_LENGTH"])+len(seen.env["TRANSFER_ENCODING"]), 1, "one framing header")
	for _, name := range reservedVariables() {
		require.NotContains(tb, seen.env, name)
	}
	for name := range seen.env {
		if strings.HasPrefix(name, "X_FORWARDED_") {
			require.Contains(tb, []string{"X_FORWARDED_FOR", "X_FORWARDED_PROTO", "X_FORWARDED_HOST"}, name)
		}
	}
}

// sendHeaders sends headers and checks what the service received. passed is false if the
// request was refused.
func sendHeaders(tb testing.TB, w *environment, b *backend, lines []string) (passed bool) {
	tb.Helper()
	b.drain()
	answer := sendRaw(tb, w.Addr(), "GET /v1/classes/x HTTP/1.1\r\nHost: gateway\r\n"+bearer+"\r\n"+
		strings.Join(append(lines, "Connection: close"), "\r\n")+"\r\n\r\n")
	seen := b.drain()
	if !strings.HasPrefix(answer, "HTTP/1.1 200 ") {
		require.Empty(tb, seen, answer)
		return false
	}
	require.Len(tb, seen, 1)
	requireGatewayHeaders(tb, seen[0], "u1", answer)
	return true
}

// isUsedByGateway reports whether the gateway itself reads a header. A test that sends it
// would send another request than it means.
func isUsedByGateway(name string) bool {
	switch textproto.CanonicalMIMEHeaderKey(name) {
	case "Authorization", "Host", "Content-Length", "Transfer-Encoding":
		return true
	default:
		return false
	}
}

const separators = "!#$%&'*+-.^_`|~"

func TestEverySpellingOfAReservedHeaderIsRemoved(t *testing.T) {
	t.Parallel()
	b := newBackend(t)
	w := newEnvironment(t, withService(t, b.url))
	names := append(reservedVariables(), "X_USER_ID", "X_CORRELATION_ID", "X_FORWARDED_FOR", "X_FORWARDED_PROTO", "X_FORWARDED_HOST", "X_FORWARDED_PREFIX",
		"X_FORWARDED_", "TRACEPARENT", "TRACESTATE", "X_FORWARDED_"+strings.Repeat("LONG_", 20))
	spellings := 0
	for _, name := range names {
		lines := []string{"Connection: " + strings.ReplaceAll(name, "_", "-")}
		for _, c := range separators {
			spelled := strings.ReplaceAll(name, "_", string(c))
			if isUsedByGateway(spelled) || spelled == "EXPECT" || spelled == "TRAILER" || spelled == "CONNECTION" {
				continue
			}
			lines = append(lines, spelled+": forged", strings.ToLower(spelled)+": forged", spelled+": again")
			spellings += 3
		}
		require.True(t, sendHeaders(t, w, b, lines), name)
	}
	require.Greater(t, spellings, 1000)
}

func TestOtherHeadersAreForwarded(t *testing.T) {
	t.Parallel()
	b := newBackend(t)
	w := newEnvironment(t, withService(t, b.url))
	names := []string{
		"X-User", "X-User-Idx", "XX-User-Id", "X-Users-Id", "X-Forwarded", "X-Role", "Accept-Language", "If-None-Match", "Range",
		"Idempotency-Key", "X_Custom", "User-Agent", "Origin", "X-" + strings.Repeat("long-", 50),
	}
	lines := make([]string, 0, len(names))
	for _, name := range names {
		lines = append(lines, name+": kept")
	}
	sendRaw(t, w.Addr(), "GET /v1/classes/x HTTP/1.1\r\nHost: gateway\r\n"+bearer+"\r\nConnection: close, X-Named\r\nX-Named: 1\r\n"+strings.Join(lines, "\r\n")+"\r\n\r\n")
	seen := b.drain()
	require.Len(t, seen, 1)
	for _, name := range names {
		require.Equal(t, []string{"kept"}, seen[0].env[variable(name)], name)
	}
	require.NotContains(t, seen[0].env, "X_NAMED")
}

func TestIdentityIsForwarded(t *testing.T) {
	t.Parallel()
	b := newBackend(t)
	w := newEnvironment(t, withService(t, b.url), with(func(p *httpserver.GatewayParts) {
		p.Authentication = authentication(*p, organisationTokens{})
		p.Config.ForwardAuthorization, p.Config.TrustedProxies = true, "127.0.0.0/8"
	}))
	for token, want := range map[string][3]string{
		"anna@school north": {"anna", "school north", ""},
		"åsa@school":        {"%C3%A5sa", "school", "url"},
		"anna@skolan å":     {"anna", "skolan%20%C3%A5", "url"},
	} {
		answer := sendRaw(t, w.Addr(), "GET /v1/classes HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer "+strings.ReplaceAll(token, " ", "_")+"\r\nConnection: close\r\n"+
			"X-Forwarded-For: 192.0.2.1, 198.51.100.7\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: theirs\r\nTracestate: a=b\r\n"+
			"Traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n\r\n")
		require.Contains(t, answer, " 200 ", answer)
		env := b.drain()[0].env
		require.Equal(t, []string{want[0]}, env["X_USER_ID"])
		require.Equal(t, []string{want[1]}, env["X_ORG_ID"])
		if want[2] == "" {
			require.NotContains(t, env, "X_IDENTITY_ENCODING")
		} else {
			require.Equal(t, []string{want[2]}, env["X_IDENTITY_ENCODING"])
		}
		require.Len(t, env["AUTHORIZATION"], 1, "the setting forwards it")
		require.Equal(t, []string{"198.51.100.7"}, env["X_FORWARDED_FOR"], "the last address that is not a trusted proxy")
		require.Equal(t, []string{"https"}, env["X_FORWARDED_PROTO"])
		require.Equal(t, []string{"gateway"}, env["X_FORWARDED_HOST"])
		require.Contains(t, env["TRACEPARENT"][0], "4bf92f3577b34da6a3ce929d0e0e4736", "the trace continues")
		require.Equal(t, []string{"a=b"}, env["TRACESTATE"])
	}
}

// organisationTokens accepts "u1@o1" as a token of the user u1 in the organisation o1. An
// underscore becomes a space.
type organisationTokens struct{}

func (organisationTokens) Validate(_ context.Context, token string) (domain.Caller, error) {
	user, org, _ := strings.Cut(strings.ReplaceAll(token, "_", " "), "@")
	return domain.Caller{User: domain.UserID(user), Org: org}, nil
}

// TestReservedHeadersAreRemovedFromAnyRequest draws names that resemble reserved ones.
func TestReservedHeadersAreRemovedFromAnyRequest(t *testing.T) {
	b := newBackend(t)
	w := newEnvironment(t, withService(t, b.url))
	words := []string{
		"x", "user", "id", "org", "internal", "api", "key", "service", "identity", "encoding", "correlation", "request", "roles",
		"forwarded", "for", "host", "proto", "real", "ip", "baggage", "proxy", "authorization", "connection", "te", "content", "length", "transfer",
	}
	name := rapid.Custom(func(t *rapid.T) string {
		parts := rapid.SliceOfN(rapid.SampledFrom(words), 1, 4).Draw(t, "words")
		out := parts[0]
		for _, part := range parts[1:] {
			out += string(rapid.SampledFrom([]byte(separators)).Draw(t, "separator")) + part
		}
		if rapid.Bool().Draw(t, "upper case") {
			out = strings.ToUpper(out)
		}
		return out
	})
	rapid.Check(t, func(rt *rapid.T) {
		var lines []string
		for _, n := range rapid.SliceOfN(name, 0, 12).Draw(rt, "names") {
			if isUsedByGateway(n) {
				continue
			}
			lines = append(lines, n+": "+rapid.SampledFrom([]string{"admin", "", "1", "chunked", "x-user-id"}).Draw(rt, "value"))
		}
		if len(lines) > 0 && rapid.Bool().Draw(rt, "named") {
			n, _, _ := strings.Cut(lines[0], ":")
			lines = append(lines, "Connection: "+n+", X-User-Id, x_user_id")
		}
		sendHeaders(t, w, b, lines)
	})
}

// FuzzForgedHeaders sends any header block over a real socket to a service that reads names as
// WSGI does. The service receives the gateway's identity only, or no request.
func FuzzForgedHeaders(f *testing.F) {
	for _, seed := range []string{
		"X-User-ID: admin", "x_user_id: admin\nX.User.Id: admin", "Connection: X-User-Id\nX-Roles: admin", "X-User-Id : admin",
		"X-User-Id:admin\n folded: x", "Transfer_Encoding: chunked", "X~Forwarded|For: 1.2.3.4",
		"Upgrade: websocket\nConnection: upgrade", "Expect: 100-continue", "baggage: user=admin", "Te: trailers", "Content_Length: 5",
		"X-User-Id\t: admin", "x-USER-id:\tadmin", "Forwarded: for=1", "Proxy: http://evil", "\x00: 1", "Å: 1", "X-User-Id\x0b: admin",
	} {
		f.Add(seed)
	}
	b := newBackend(f)
	w := newEnvironment(f, withService(f, b.url))
	f.Fuzz(func(t *testing.T, block string) {
		var lines []string
		for line := range strings.FieldsFuncSeq(block, func(r rune) bool { return r == '\n' || r == '\r' }) {
			name, _, _ := strings.Cut(line, ":")
			if isUsedByGateway(strings.TrimSpace(name)) {
				continue
			}
			lines = append(lines, line)
		}
		sendHeaders(t, w, b, lines)
	})
}
