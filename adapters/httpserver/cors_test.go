package httpserver_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/httpserver"
	"github.com/huleedu/edge/domain"
)

const (
	page        = "Origin: http://localhost:5173"
	otherOrigin = "Origin: http://evil.example"
	exposed     = "X-Correlation-ID, X-Request-ID, X-Trace-ID, Retry-After, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset"
)

func TestPreflight(t *testing.T) {
	t.Parallel()
	w := newEnvironment(t)
	for _, path := range []string{"/v1/batches", "/v1/batches/b1/pipelines", "/v1/unknown"} {
		for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"} {
			r := call(t, http.MethodOptions, w.base+path, "", page, "Access-Control-Request-Method: "+method,
				"Access-Control-Request-Headers: authorization, x-odd")
			require.Equal(t, 204, r.StatusCode)
			requireCommonHeaders(t, r)
			assert.Equal(t, "http://localhost:5173", r.Header.Get("Access-Control-Allow-Origin"))
			assert.Equal(t, "true", r.Header.Get("Access-Control-Allow-Credentials"))
			assert.Equal(t, "GET, POST, PUT, PATCH, DELETE, OPTIONS", r.Header.Get("Access-Control-Allow-Methods"))
			assert.Equal(t, "authorization, x-odd", r.Header.Get("Access-Control-Allow-Headers"))
			assert.Equal(t, "600", r.Header.Get("Access-Control-Max-Age"))
			assert.Equal(t, "Origin, Access-Control-Request-Method, Access-Control-Request-Headers", r.Header.Get("Vary"))
			assert.Empty(t, r.Header.Get("Allow"))
		}
	}
}

// TestPagesMaySendTheHeadersOfAStream checks that a setting of allowed headers does not keep
// pages from opening and resuming event streams, and allows nothing more elsewhere.
func TestPagesMaySendTheHeadersOfAStream(t *testing.T) {
	t.Parallel()
	for want, headers := range map[string][]string{
		"X-A, Authorization, Last-Event-ID, X-Correlation-ID": {"X-A"},
		"Authorization, Last-Event-ID, X-Correlation-ID":      {},
		"x-odd": {"*"},
	} {
		w := newSocketEnvironment(t, hijacking, nil, func(c *httpserver.WebSocketConfig) { c.Headers = headers })
		preflight := func(path string) string {
			r := call(t, http.MethodOptions, w.base+path, "", page, "Access-Control-Request-Method: GET", "Access-Control-Request-Headers: x-odd")
			require.Equal(t, 204, r.StatusCode)
			return r.Header.Get("Access-Control-Allow-Headers")
		}
		assert.Equal(t, want, preflight("/events"))
		assert.NotContains(t, preflight("/healthz"), "Authorization")
	}
}

func TestPreflightIsRefused(t *testing.T) {
	t.Parallel()
	w := newEnvironment(t)
	r := call(t, http.MethodOptions, w.base+"/v1/batches", "", otherOrigin, "Access-Control-Request-Method: GET")
	assert.Equal(t, "Disallowed CORS origin", requireError(t, r, 400, domain.InvalidRequest).Message)
	assert.Empty(t, r.Header.Get("Access-Control-Allow-Origin"))
	r = call(t, http.MethodOptions, w.base+"/v1/batches", "", page, "Access-Control-Request-Method: TRACE")
	assert.Equal(t, "Disallowed CORS method", requireError(t, r, 400, domain.InvalidRequest).Message)
}

func TestOptionsWithoutPreflightIsAMethod(t *testing.T) {
	t.Parallel()
	w := newEnvironment(t)
	r := call(t, http.MethodOptions, w.base+"/v1/batches", "", page)
	require.Equal(t, 405, r.StatusCode)
	assert.NotEmpty(t, r.Header.Get("Allow"))
}

// TestAnswersAreReadable checks that pages of allowed origins can read every answer, errors
// included, and that others are served without CORS headers.
func TestAnswersAreReadable(t *testing.T) {
	t.Parallel()
	w := newEnvironment(t)
	for path, status := range map[string]int{"/healthz": 200, "/v1/batches": 401, "/nowhere": 404} {
		r := call(t, http.MethodGet, w.base+path, "", page)
		require.Equal(t, status, r.StatusCode)
		assert.Equal(t, "http://localhost:5173", r.Header.Get("Access-Control-Allow-Origin"))
		assert.Equal(t, "true", r.Header.Get("Access-Control-Allow-Credentials"))
		assert.Equal(t, exposed, r.Header.Get("Access-Control-Expose-Headers"))
		assert.Equal(t, "Origin", r.Header.Get("Vary"))
		r = call(t, http.MethodGet, w.base+path, "", otherOrigin)
		require.Equal(t, status, r.StatusCode)
		assert.Empty(t, r.Header.Get("Access-Control-Allow-Origin"))
		assert.Equal(t, "Origin", r.Header.Get("Vary"))
	}
}

func TestAnyOriginWithoutCredentials(t *testing.T) {
	t.Parallel()
	w := newEnvironment(t, with(func(p *httpserver.GatewayParts) {
		p.Config.Origins, p.Config.Credentials, p.Config.Headers = []string{"*"}, false, []string{"Authorization", "X-A"}
		p.Config.Methods = []string{"*"}
	}))
	r := call(t, http.MethodGet, w.base+"/healthz", "", otherOrigin)
	assert.Equal(t, "*", r.Header.Get("Access-Control-Allow-Origin"))
	assert.Empty(t, r.Header.Get("Access-Control-Allow-Credentials"))
	assert.Empty(t, r.Header.Get("Vary"))
	r = call(t, http.MethodOptions, w.base+"/healthz", "", otherOrigin, "Access-Control-Request-Method: PURGE")
	require.Equal(t, 204, r.StatusCode)
	assert.Equal(t, "PURGE", r.Header.Get("Access-Control-Allow-Methods"))
	assert.Equal(t, "Authorization, X-A", r.Header.Get("Access-Control-Allow-Headers"))
}
