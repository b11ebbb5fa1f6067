package httpserver_test

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/huleedu/edge/adapters/httpserver"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/recorded"
)

const bearer = "Authorization: Bearer u1"

func TestRequestsAreForwardedUnchanged(t *testing.T) {
	t.Parallel()
	b := newBackend(t)
	w := newEnvironment(t, withTransport(t, b.url+"/base/", b.url))
	for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"} {
		for path, to := range map[string]string{
			"/v1/classes": "/base", "/v1/classes/": "/base", "/v1/classes/a/b%20c/+%C3%A5": "/base",
			"/bff/v1/teacher/dashboard": "", "/bff/v1/teacher/a//b": "", "/v1/classes/a%2Cb;c=1": "/base",
		} {
			const query = "?b=2&a=1&a=%20x;y&&a=1&%zz=1"
			body := ""
			if method != "GET" && method != "HEAD" {
				body = "\x00 any bytes \xff"
			}
			r := call(t, method, w.base+path+query, body, bearer, "Content-Type: application/x-odd", "X-Custom_One: 1", "Cookie: a=b", "Accept-Encoding: br")
			require.Equal(t, 200, r.StatusCode, method+path)
			seen := b.drain()
			require.Len(t, seen, 1)
			if path == "/v1/classes" {
				path += "/"
			}
			require.Equal(t, method+" "+to+path+query+" HTTP/1.1", seen[0].line)
			require.Equal(t, body, seen[0].body)
			for name, value := range map[string]string{"CONTENT_TYPE": "application/x-odd", "X_CUSTOM_ONE": "1", "COOKIE": "a=b", "ACCEPT_ENCODING": "br"} {
				require.Equal(t, []string{value}, seen[0].env[name])
			}
			if method != "HEAD" {
				require.Equal(t, "ok", r.body)
			}
			require.NotContains(t, r.Header, "Content-Type", "no type is guessed")
		}
	}
	r := call(t, "GET", w.base+"/v1/classes?", "", bearer)
	require.Equal(t, 200, r.StatusCode)
	require.Equal(t, "/base/v1/classes/?", b.drain()[0].target())
}

func TestForwardedRoutesAreThoseOfTheContract(t *testing.T) {
	t.Parallel()
	b := newBackend(t)
	w := newEnvironment(t, withService(t, b.url))
	for path, status := range map[string]int{
		"GET /bff/v1/teacher": 404, "GET /v1/classesx": 404, "GET /bff/v1/other": 404,
		"OPTIONS /v1/classes": 405, "TRACE /v1/classes/a": 405, "BREW /bff/v1/teacher/a": 405,
	} {
		method, path, _ := strings.Cut(path, " ")
		r := call(t, method, w.base+path, "", bearer)
		requireError(t, r, status, map[int]domain.Code{404: domain.ResourceNotFound, 405: domain.InvalidRequest}[status])
		if status == 405 {
			assert.ElementsMatch(t, []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"}, strings.Split(r.Header.Get("Allow"), ", "))
		}
	}
	require.Empty(t, b.drain())
}

// TestAnswersAreForwardedUnchanged checks all headers but those that the gateway sets itself.
func TestAnswersAreForwardedUnchanged(t *testing.T) {
	t.Parallel()
	for _, status := range []int{200, 201, 302, 400, 401, 403, 404, 409, 418, 422, 429, 500, 502, 503, 504, 599} {
		w := newServedEnvironment(t, func(rw http.ResponseWriter, _ *http.Request) {
			h := rw.Header()
			for _, theirs := range []string{
				"Access-Control-Allow-Origin", "Access-Control-Allow-Credentials", "X-Correlation-Id", "X-Request-Id", "X-Trace-Id", "Traceparent",
				"Ratelimit-Limit", "Ratelimit-Policy", "X-Ratelimit-Remaining", "X-Rate-Limit-Reset", "X-Content-Type-Options",
			} {
				h.Set(theirs, "theirs")
			}
			h.Set("Retry-After", "7")
			h.Set("Www-Authenticate", "Basic")
			h.Set("Location", "/v1/classes/x")
			h.Set("Cache-Control", "max-age=5")
			h.Set("Content-Type", "text/x-odd")
			h.Set("Vary", "Accept")
			h["Set-Cookie"] = []string{"a=1", "b=2"}
			rw.WriteHeader(status)
			_, _ = io.WriteString(rw, "their body")
		})
		r := call(t, "GET", w.base+"/v1/classes/x", "", bearer, "Origin: http://localhost:5173")
		require.Equal(t, status, r.StatusCode)
		require.Equal(t, "their body", r.body)
		for name, values := range r.Header {
			require.NotContains(t, values, "theirs", name)
		}
		for name, value := range map[string]string{
			"Retry-After": "7", "Www-Authenticate": "Basic", "Location": "/v1/classes/x", "Cache-Control": "max-age=5", "Content-Type": "text/x-odd",
			"Access-Control-Allow-Origin": "http://localhost:5173", "X-Content-Type-Options": "nosniff", "Ratelimit-Limit": "1000000",
		} {
			require.Equal(t, []string{value}, r.Header.Values(name), name)
		}
		require.Equal(t, []string{"a=1", "b=2"}, r.Header["Set-Cookie"])
		require.Equal(t, []string{"Origin", "Accept"}, r.Header["Vary"])
		require.Regexp(t, `^[0-9a-f-]{36}$`, r.Header.Get("X-Correlation-ID"))
		require.Empty(t, w.failed(), "an answer of a service is not an error of the gateway")
	}
	w := newServedEnvironment(t, func(http.ResponseWriter, *http.Request) {})
	requireCommonHeaders(t, call(t, "GET", w.base+"/v1/classes", "", bearer))
}

func TestProtocolsAreNotSwitched(t *testing.T) {
	t.Parallel()
	b := newBackend(t)
	w := newEnvironment(t, withService(t, b.url))
	for _, protocol := range []string{"websocket", "h2c", "\xffodd"} {
		answer := sendRaw(t, w.Addr(), "GET /v1/classes HTTP/1.1\r\nHost: h\r\n"+bearer+"\r\nConnection: Upgrade, close, HTTP2-Settings\r\nUpgrade: "+protocol+"\r\nHTTP2-Settings: x\r\n\r\n")
		require.Contains(t, answer, "HTTP/1.1 200 ", protocol)
		seen := b.drain()
		require.Len(t, seen, 1)
		for _, name := range []string{"UPGRADE", "CONNECTION", "HTTP2_SETTINGS"} {
			require.NotContains(t, seen[0].env, name)
		}
	}
	for _, upgrade := range []string{"Upgrade: websocket\r\nConnection: Upgrade\r\n", ""} {
		uninvited := newRawServer(t, "HTTP/1.1 101 Switching Protocols\r\n"+upgrade+"\r\nraw")
		w = newEnvironment(t, withTransport(t, uninvited, uninvited))
		answer := sendRaw(t, w.Addr(), "GET /v1/classes HTTP/1.1\r\nHost: h\r\n"+bearer+"\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\n\r\n")
		require.Contains(t, answer, "HTTP/1.1 502 ")
		require.Contains(t, answer, `"code":"INVALID_RESPONSE"`)
	}
}

// TestTrailersAreDropped checks both directions. Some services read trailers as headers.
func TestTrailersAreDropped(t *testing.T) {
	t.Parallel()
	b := newBackend(t)
	w := newEnvironment(t, withService(t, b.url))
	answer := sendRaw(t, w.Addr(), "POST /v1/classes HTTP/1.1\r\nHost: h\r\n"+bearer+"\r\nConnection: close\r\nTE: trailers\r\nTrailer: X-User-ID, X-Roles, X-Odd\r\n"+
		"Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\nX-User-ID: admin\r\nX-Roles: admin\r\nX-Odd: 1\r\n\r\n")
	require.Contains(t, answer, "HTTP/1.1 200 ")
	seen := b.drain()
	require.Len(t, seen, 1)
	require.Equal(t, "body", seen[0].body)
	require.Equal(t, []string{"u1"}, seen[0].env["X_USER_ID"])
	for _, name := range []string{"X_ROLES", "X_ODD", "TRAILER", "TE"} {
		require.NotContains(t, seen[0].env, name)
	}
	w = newServedEnvironment(t, func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Trailer", "X-Correlation-Id, X-Odd")
		_, _ = io.WriteString(rw, "body")
		rw.Header().Set("X-Correlation-Id", "theirs")
		rw.Header().Set("X-Odd", "theirs")
	})
	r := call(t, "GET", w.base+"/v1/classes", "", bearer)
	require.Equal(t, "body", r.body)
	require.Empty(t, r.Trailer)
}

func TestInformationalAnswersAreDropped(t *testing.T) {
	t.Parallel()
	w := newServedEnvironment(t, func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Link", "</a.css>")
		rw.WriteHeader(http.StatusEarlyHints)
		rw.Header().Set("X-Odd", "1")
		_, _ = io.WriteString(rw, "body")
	})
	r := call(t, "GET", w.base+"/v1/classes", "", bearer)
	require.Equal(t, 200, r.StatusCode)
	require.Equal(t, "1", r.Header.Get("X-Odd"))
	requireCommonHeaders(t, r)
}

func TestForwardedBodiesAreBounded(t *testing.T) {
	t.Parallel()
	const most = 10 << 20
	b := newBackend(t)
	w := newEnvironment(t, withService(t, b.url))
	r := call(t, "PUT", w.base+"/v1/classes/a", strings.Repeat("x", most), bearer)
	require.Equal(t, 200, r.StatusCode)
	require.Len(t, b.drain()[0].body, most)

	head := "PUT /v1/classes/a HTTP/1.1\r\nHost: h\r\n" + bearer + "\r\nConnection: close\r\n"
	answer := sendRaw(t, w.Addr(), head+"Content-Length: "+strconv.Itoa(most+1)+"\r\n\r\n")
	require.Contains(t, answer, "HTTP/1.1 413 ")
	require.Contains(t, answer, `"details":{"limit_bytes":10485760}`)
	require.Zero(t, b.incomplete(), "the service got no request")

	answer = sendRaw(t, w.Addr(), head+"Transfer-Encoding: chunked\r\n\r\n"+strconv.FormatInt(most+1, 16)+"\r\n"+strings.Repeat("x", most+1)+"\r\n0\r\n\r\n")
	require.Contains(t, answer, "HTTP/1.1 413 ", "the size is known only from the body")
	require.Empty(t, b.drain(), "the service got no complete request")

	answer = sendRaw(t, w.Addr(), head+"Transfer-Encoding: chunked\r\n\r\nzz\r\n")
	require.Contains(t, answer, "HTTP/1.1 400 ")
	require.Contains(t, answer, "Request body could not be read")
	require.Empty(t, b.drain())
}

func TestCallsAreCountedByTemplate(t *testing.T) {
	t.Parallel()
	b := newBackend(t)
	w := newEnvironment(t, withTransport(t, b.url, closedAddress(t)))
	call(t, "GET", w.base+"/v1/classes/a/b/c", "", bearer)
	call(t, "DELETE", w.base+"/v1/classes", "", bearer)
	call(t, "HEAD", w.base+"/bff/v1/teacher/x", "", bearer)
	for _, made := range recorded.FactsOf[domain.ServiceCalled](w.facts.All()) {
		assert.Positive(t, made.Duration)
	}
	assert.Equal(t, []domain.ServiceCalled{
		{Service: "class_management", Method: "GET", Endpoint: "/v1/classes/{path}", Status: 200},
		{Service: "class_management", Method: "DELETE", Endpoint: "/v1/classes", Status: 200},
		{Service: "bff_teacher", Method: "HEAD", Endpoint: "/bff/v1/teacher/{path}", Status: 0},
	}, w.calls())
}

func TestServiceWithoutTransportIsUnavailable(t *testing.T) {
	t.Parallel()
	w := newEnvironment(t)
	for path, name := range map[string]string{"/v1/classes": "class_management", "/bff/v1/teacher/x": "bff_teacher"} {
		r := call(t, "GET", w.base+path, "", bearer)
		f := requireError(t, r, 503, "SERVICE_UNAVAILABLE")
		require.Equal(t, map[string]any{"unavailable_service": name, "external_service": name}, f.Details)
	}
	_, err := httpserver.NewGateway(httpserver.GatewayParts{Config: gatewayConfig(), Tracing: noop.NewTracerProvider(), Classes: httpserver.Upstream{URL: "x", Transport: http.DefaultTransport}})
	require.Equal(t, domain.InitializationFailed, domain.CodeOf(err))
}

func TestForwardingHasASpan(t *testing.T) {
	t.Parallel()
	b := newBackend(t)
	recorder := tracetest.NewSpanRecorder()
	w := newEnvironment(t, withService(t, b.url), with(func(p *httpserver.GatewayParts) {
		p.Tracing = sdk.NewTracerProvider(sdk.WithSpanProcessor(recorder))
	}))
	call(t, "GET", w.base+"/bff/v1/teacher/dashboard", "", bearer, "traceparent: 00-"+clientTrace+"-"+clientParent+"-01")
	require.Eventually(t, func() bool { return len(recorder.Ended()) == 2 }, tick*1000, tick)
	inner, outer := recorder.Ended()[0], recorder.Ended()[1]
	require.Equal(t, "gateway.proxy_request", inner.Name())
	require.Equal(t, trace.SpanKindClient, inner.SpanKind())
	require.ElementsMatch(t, []attribute.KeyValue{
		attribute.String("target.service", "bff_teacher"), attribute.String("operation", "proxy_teacher"),
		attribute.String("server.address", "127.0.0.1"), attribute.String("http.request.method", "GET"), attribute.Int("http.response.status_code", 200),
	}, inner.Attributes())
	require.Equal(t, outer.SpanContext().SpanID(), inner.Parent().SpanID())
	require.Equal(t, "GET /bff/v1/teacher/{path}", outer.Name())
	require.Contains(t, b.drain()[0].env["TRACEPARENT"][0], clientTrace+"-"+inner.SpanContext().SpanID().String())
}
