package httpserver_test

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/huleedu/edge/test/requests"
)

// maxErrorAnswer bounds an error answer, in bytes.
const maxErrorAnswer = 64 << 10

// TestNoErrorAnswerGrows sends hostile requests to every route: paths, queries,
// headers and bodies. No error answer exceeds 64 KiB and none of the routes that
// read a whole body exceeds the body's budget.
func TestNoErrorAnswerGrows(t *testing.T) {
	w := newEnvironment(t)
	handler := w.Handler()
	targets := w.Routes()
	rapid.Check(t, func(t *rapid.T) {
		route := rapid.SampledFrom(targets).Draw(t, "route")
		body := requests.HostileJSON(t, 1<<rapid.IntRange(4, 20).Draw(t, "bits"))
		request := httptest.NewRequest(route.Method, hostileTarget(t, route.Path), bytes.NewReader(body))
		request.Header.Set("Authorization", "Bearer u1")
		request.Header.Set("Content-Type", rapid.SampledFrom([]string{
			"application/json", "multipart/form-data; boundary=x", "multipart/form-data; boundary=" + strings.Repeat("x", 9000), "text/" + strings.Repeat("x", 9000),
		}).Draw(t, "type"))
		for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{
			"Idempotency-Key", "X-Correlation-ID", "Origin", "Traceparent", "Access-Control-Request-Method", "Content-Encoding", "Upgrade", "Expect",
		}), 0, 2, rapid.ID).Draw(t, "headers") {
			request.Header.Set(name, rapid.SampledFrom([]string{"x", strings.Repeat("<", 9000)}).Draw(t, "value"))
		}
		answer := httptest.NewRecorder()
		cost := requests.Allocated(func() {
			defer func() { // a closed connection has no answer
				cut := recover()
				if err, is := cut.(error); cut != nil && (!is || !errors.Is(err, http.ErrAbortHandler)) {
					panic(cut)
				}
			}()
			handler.ServeHTTP(answer, request)
		})
		if answer.Code >= 400 {
			require.LessOrEqual(t, answer.Body.Len(), maxErrorAnswer)
			require.LessOrEqual(t, cost, requests.Budget(body), "%s %s, a body of %d bytes: %d", route.Method, route.Path, len(body), answer.Code)
		}
	})
}

// hostileTarget returns a path for a route's template, with a query.
func hostileTarget(t *rapid.T, path string) string {
	id := rapid.SampledFrom([]string{"b1", strings.Repeat("%F0%9F%98%80", 255), strings.Repeat("a", 9000), "..", "%00", strings.Repeat("%3C", 255)}).Draw(t, "id")
	for _, name := range []string{"{batch_id}", "{path}"} {
		path = strings.ReplaceAll(path, name, id)
	}
	query := rapid.SampledFrom([]string{
		"", "?limit=" + strings.Repeat("1", 9000), "?limit=" + strings.Repeat("%00", 99) + "&offset=" + strings.Repeat("%F0%9F%98%80", 99),
		"?status=" + strings.Repeat("%3C", 9000), "?status=%3C&status=" + strings.Repeat("%01", 100), "?" + strings.Repeat("a&", 9000), "?%zz",
		"?correlation_id=" + strings.Repeat("x", 9000),
	}).Draw(t, "query")
	return path + query
}

// TestMemoryGrowsWithWhatArrives checks that an announced length alone allocates nothing.
func TestMemoryGrowsWithWhatArrives(t *testing.T) {
	w := newEnvironment(t)
	handler := w.Handler()
	for _, repeats := range []int{0, 5, 50_000} {
		body := []byte(strings.Repeat("<x", repeats))
		request := httptest.NewRequest(http.MethodPost, "/v1/batches/register", bytes.NewReader(body))
		request.ContentLength = 1 << 20
		request.Header.Set("Authorization", "Bearer u1")
		cost := requests.Allocated(func() { handler.ServeHTTP(httptest.NewRecorder(), request) })
		require.LessOrEqual(t, cost, 4*uint64(len(body))+512<<10)
	}
}
