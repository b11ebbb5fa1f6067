package proxy

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace"

	"github.com/huleedu/edge/adapters/httpserver/clientip"
	"github.com/huleedu/edge/domain"
)

// rules returns header rules that trust the proxy 192.0.2.1, the address of the test's requests.
func rules(t *testing.T) HeaderRules {
	t.Helper()
	trusted, err := clientip.ParseProxies("192.0.2.1")
	require.NoError(t, err)
	return HeaderRules{Trusted: trusted}
}

// incoming returns a request of the user u1 with the headers, as the server would parse them.
func incoming(headers map[string]string) Request {
	r := httptest.NewRequest(http.MethodGet, "http://gateway/v1/classes", http.NoBody)
	for name, value := range headers {
		r.Header[http.CanonicalHeaderKey(name)] = []string{value}
	}
	return Request{Request: r, Caller: domain.Caller{User: "u1"}}
}

// outbound returns what the service receives.
func outbound(t *testing.T, headers map[string]string, dropped ...string) http.Header {
	t.Helper()
	return rules(t).Outbound(t.Context(), incoming(headers), dropped...)
}

// TestNoSpellingOfAReservedHeaderIsPassedOn spells each name as services may read it: in another case, and
// with other separators.
func TestNoSpellingOfAReservedHeaderIsPassedOn(t *testing.T) {
	for name := range strings.FieldsSeq(`
		x-user-id x-org-id x-internal-api-key x-service-id x-identity-encoding x-correlation-id x-request-id x-roles x-user-roles
		x-original-url x-original-uri x-rewrite-url x-http-method-override x-http-method x-method-override
		forwarded x-real-ip baggage traceparent tracestate x-forwarded-for x-forwarded-proto x-forwarded-host x-forwarded-prefix
		content-length host expect proxy authorization
		connection proxy-connection keep-alive proxy-authenticate proxy-authorization te trailer transfer-encoding upgrade http2-settings`) {
		for _, spelled := range []string{name, strings.ToUpper(name), strings.ReplaceAll(name, "-", "_"), strings.ReplaceAll(name, "-", ".")} {
			if name == "authorization" && spelled != name {
				continue // it has no separator
			}
			for _, values := range outbound(t, map[string]string{spelled: "forged"}) {
				require.NotContains(t, values, "forged", spelled)
			}
		}
	}
}

func TestHeadersThatResembleReservedOnesArePassedOn(t *testing.T) {
	for _, name := range []string{"X-User", "X-User-Idx", "X-Forwarded", "X-0-A", "X-Zebra", "X-Az09", "User-Agent", "Accept"} {
		require.Equal(t, []string{"kept"}, outbound(t, map[string]string{name: "kept"})[http.CanonicalHeaderKey(name)], name)
	}
}

func TestHeadersNamedInConnectionAreNotPassedOn(t *testing.T) {
	in := incoming(map[string]string{"X-One": "1", "X-Two": "2", "X-Three": "3"})
	in.Header["Connection"] = []string{"x-one , close", "X-Two"}
	out := rules(t).Outbound(t.Context(), in)
	require.NotContains(t, out, "X-One")
	require.NotContains(t, out, "X-Two")
	require.Equal(t, []string{"3"}, out["X-Three"])
}

func TestCallersMayDropFurtherHeaders(t *testing.T) {
	out := outbound(t, map[string]string{"Accept_Encoding": "br", "Accept": "kept"}, "accept-encoding")
	require.NotContains(t, out, "Accept_encoding")
	require.Equal(t, "kept", out.Get("Accept"))
}

func TestAuthorizationIsPassedOnIfConfigured(t *testing.T) {
	r := rules(t)
	in := incoming(map[string]string{"Authorization": "Bearer a"})
	require.Empty(t, r.Outbound(t.Context(), in).Get("Authorization"))
	r.ForwardAuthorization = true
	require.Equal(t, "Bearer a", r.Outbound(t.Context(), in).Get("Authorization"))
}

// TestServicesReceiveTheGatewaysIdentityAndOrigin checks the headers that the gateway sets.
func TestServicesReceiveTheGatewaysIdentityAndOrigin(t *testing.T) {
	in := incoming(map[string]string{"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https"})
	in.Caller.Org = "skolan å"
	ctx := domain.WithRequestContext(context.Background(), domain.RequestContext{CorrelationID: "c1"})
	ctx = trace.ContextWithSpanContext(ctx, trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}}))
	out := rules(t).Outbound(ctx, in)
	require.Regexp(t, "^00-01000", out.Get("Traceparent"))
	out.Del("Traceparent")
	require.Equal(t, http.Header{
		"X-User-Id": {"u1"}, "X-Org-Id": {"skolan%20%C3%A5"}, "X-Identity-Encoding": {"url"}, "X-Correlation-Id": {"c1"},
		"X-Forwarded-For": {"203.0.113.9"}, "X-Forwarded-Proto": {"https"}, "X-Forwarded-Host": {"gateway"},
	}, out)
	in.Caller.Org = ""
	out = rules(t).Outbound(ctx, in)
	require.NotContains(t, out, "X-Org-Id")
	require.NotContains(t, out, "X-Identity-Encoding")
}

// TestServicesCannotSetTheGatewaysHeaders lists headers of an answer that are the gateway's.
func TestServicesCannotSetTheGatewaysHeaders(t *testing.T) {
	for name := range strings.FieldsSeq(`
		X-Correlation-Id X-Request-Id X-Trace-Id Traceparent Tracestate Traceresponse Trailer X-Content-Type-Options
		Access-Control-Allow-Origin Access_Control_Max_Age Ratelimit-Limit RateLimit Ratelimit-Policy X-Ratelimit-Reset X-Rate-Limit-Limit`) {
		require.True(t, isGatewayHeader(normalize(name)), name)
	}
	for name := range strings.FieldsSeq("Retry-After Www-Authenticate Cache-Control X-Rate Set-Cookie X-Correlation Access-Control") {
		require.False(t, isGatewayHeader(normalize(name)), name)
	}
}

func TestNamesAreComparedWithoutCaseAndSeparators(t *testing.T) {
	require.Equal(t, "azaz09---", normalize("AZaz09_.\u00e5"))
}
