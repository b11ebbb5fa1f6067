package httpserver_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/httpserver"
	"github.com/huleedu/edge/domain"
)

func TestUnknownRoute(t *testing.T) {
	t.Parallel()
	w := newEnvironment(t)
	for _, path := range []string{"/", "/v1", "/v1/batches/", "/healthz/", "/V1/batches", "/v1/batches/b1/status/", "/v1//batches"} {
		r := call(t, http.MethodGet, w.base+path, "")
		f := requireError(t, r, 404, "RESOURCE_NOT_FOUND")
		assert.Equal(t, map[string]any{"resource_type": "route", "resource_id": path}, f.Details)
	}
	assert.Contains(t, w.served(), domain.RequestServed{Method: "GET", Endpoint: "unmatched", Status: 404})
}

func TestWrongMethod(t *testing.T) {
	t.Parallel()
	w := newEnvironment(t)
	r := call(t, http.MethodDelete, w.base+"/v1/batches", "")
	requireError(t, r, 405, "INVALID_REQUEST")
	assert.ElementsMatch(t, []string{"GET", "HEAD"}, strings.Split(r.Header.Get("Allow"), ", "))
	r = call(t, http.MethodGet, w.base+"/v1/batches/b1/pipelines", "")
	require.Equal(t, 405, r.StatusCode)
	assert.Equal(t, "POST", r.Header.Get("Allow"))
	r = call(t, "BREW", w.base+"/healthz", "")
	require.Equal(t, 405, r.StatusCode)
	assert.Contains(t, w.served(), domain.RequestServed{Method: "OTHER", Endpoint: "unmatched", Status: 405})
}

func TestUnsafePathsAreRefused(t *testing.T) {
	t.Parallel()
	w := newEnvironment(t)
	for _, path := range []string{
		"/v1/batches/../healthz", "/v1/batches/%2e%2e/status", "/v1/batches/./status", "/v1/batches/%2E/status",
		"/v1/batches/a%2fb/status", "/v1/batches/a%5Cb/status", "/v1/batches/..;x=1/status", "/v1/batches/%00/status",
		"/v1/batches/%ff/status", "/v1/batches/%252e%252e/status", "/v1/batches/a%25252fb/status", "/v1/batches/..%20/status",
		"/v1/batches/%25%32%66/status", "/v1/batches/a%252525252525252525252fb/status", "/v1/batches/a\\b/status", "/v1/batches/%2500/status",
		"/v1/batches/%c0%af/status", "/v1/batches/%25c0%25af/status", "/v1/batches/%252e%252e%253bx/status", "/../etc", "/v1/batches/b%0a/pipelines", "/v1/batches/%C2%85/status",
	} {
		answer := sendRaw(t, w.Addr(), "GET "+path+" HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer u1\r\nConnection: close\r\n\r\n")
		require.Contains(t, answer, "HTTP/1.1 400 ", path)
		assert.Contains(t, answer, `"code":"VALIDATION_ERROR"`, path)
	}
}

func TestSafePathsReachTheirBatch(t *testing.T) {
	t.Parallel()
	w := newEnvironment(t)
	for path, id := range map[string]string{
		"b1": "b1", "a+b": "a+b", "a+b%21": "a+b!", "a%20b": "a b", "100%25": "100%", "100%25.": "100%.", "a%2eb": "a.b", "register": "register",
		"...": "...", "%C3%A5": "å", "a;b": "a;b", strings.Repeat("x", 255): strings.Repeat("x", 255),
	} {
		w.platform.AddBatch(domain.BatchID(id), domain.BatchReport{Owner: "u1", Overall: "READY", Document: []byte(`{}`)})
		r := call(t, http.MethodGet, w.base+"/v1/batches/"+path+"/status", "", "Authorization: Bearer u1")
		assert.Equal(t, 200, r.StatusCode, path)
	}
	for _, path := range []string{"", "%20", strings.Repeat("x", 256)} {
		r := call(t, http.MethodGet, w.base+"/v1/batches/"+path+"/status", "", "Authorization: Bearer u1")
		requireError(t, r, 400, domain.ValidationError)
	}
}

func TestHeadIsAnsweredWhereGetIs(t *testing.T) {
	t.Parallel()
	w := newEnvironment(t)
	big := `{"k":"` + strings.Repeat("v", 5000) + `"}`
	w.platform.AddBatch("b1", domain.BatchReport{Owner: "u1", Overall: "ready", Document: []byte(big)})
	got := call(t, http.MethodGet, w.base+"/v1/batches/b1/status", "", "Authorization: Bearer u1")
	head := call(t, http.MethodHead, w.base+"/v1/batches/b1/status", "", "Authorization: Bearer u1")
	require.Equal(t, 200, head.StatusCode)
	assert.Empty(t, head.body)
	assert.Equal(t, got.ContentLength, head.ContentLength)
	assert.Equal(t, int64(len(got.body)), got.ContentLength)
}

func TestUnusualRequestLines(t *testing.T) {
	t.Parallel()
	w := newEnvironment(t)
	for _, line := range []string{"CONNECT a:1", "GET *", "TRACE /healthz", "GET http://other/healthz", "OPTIONS /x"} {
		answer := sendRaw(t, w.Addr(), line+" HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
		require.Contains(t, answer, "X-Correlation-Id: ", line)
		require.NotContains(t, answer, "HTTP/1.1 5", line)
	}
}

func TestHeaderBytesAreBounded(t *testing.T) {
	t.Parallel()
	w := newEnvironment(t)
	answer := sendRaw(t, w.Addr(), "GET /healthz HTTP/1.1\r\nHost: h\r\nX-Big: "+strings.Repeat("x", 64<<10)+"\r\n\r\n")
	assert.Contains(t, answer, "HTTP/1.1 431 ")
}

func TestPanicsAreAnswered(t *testing.T) {
	t.Parallel()
	w := newEnvironment(t)
	for token, kind := range map[string]string{"panic": "string", "runtime-panic": "runtime.boundsError"} {
		r := call(t, http.MethodGet, w.base+"/v1/batches", "", "Authorization: Bearer "+token)
		f := requireError(t, r, 500, "UNKNOWN_ERROR")
		assert.Equal(t, "An unexpected error occurred", f.Message)
		assert.Equal(t, map[string]any{"error_type": kind}, f.Details)
	}
	assert.Contains(t, w.log.String(), "the validator broke")
	assert.Contains(t, w.log.String(), "environment_test.go", "the log has the stack")
}

// TestPartialAnswersAreAborted checks that a client does not accept a partial answer as complete.
func TestPartialAnswersAreAborted(t *testing.T) {
	t.Parallel()
	w := newEnvironment(t, with(func(p *httpserver.GatewayParts) {
		p.Metrics = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			_, _ = rw.Write([]byte("part"))
			_ = http.NewResponseController(rw).Flush()
			if r.URL.RawQuery == "deliberate" {
				panic(http.ErrAbortHandler)
			}
			panic("late")
		})
	}))
	for _, query := range []string{"", "?deliberate"} {
		answer := sendRaw(t, w.Addr(), "GET /metrics"+query+" HTTP/1.1\r\nHost: h\r\n\r\n")
		assert.True(t, strings.HasSuffix(answer, "\r\n\r\n4\r\npart\r\n"), answer)
	}
	require.Len(t, w.served(), 2, "cut requests are counted too")
	require.Len(t, w.failed(), 1)
}
