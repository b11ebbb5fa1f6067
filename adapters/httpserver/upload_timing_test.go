package httpserver_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/httpserver"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/pause"
	"github.com/huleedu/edge/test/requests"
)

// incompleteForm returns the beginning of a form that reaches the service.
func incompleteForm() string {
	return strings.TrimSuffix(requests.Form(requests.File("big.bin", strings.Repeat("x", 100_000))), "\r\n--B--\r\n")
}

func TestUserHasAtMostFourUploads(t *testing.T) {
	t.Parallel()
	s := newFileService(t)
	w := s.environment(t, nil)
	var first *openUpload
	for range 4 {
		first = startUpload(t, w, incompleteForm())
		await(t, s.begun) // it is counted
	}
	r := upload(t, w, requests.GoodForm())
	f := requireError(t, r, 503, domain.ServiceUnavailable)
	require.Equal(t, "1", r.Header.Get("Retry-After"))
	require.Equal(t, map[string]any{"unavailable_service": "file_service"}, f.Details)
	require.Equal(t, 202, call(t, "POST", w.base+uploadPath, requests.GoodForm(), "Authorization: Bearer u2", formType).StatusCode, "another user has another limit")
	require.Equal(t, 202, first.end(t).StatusCode)
	require.Equal(t, 202, upload(t, w, requests.GoodForm()).StatusCode, "the finished upload is not counted")
}

// TestSlowUploadsOutlastOtherRequests checks that the answer timeout does not bound an upload
// that makes progress.
func TestSlowUploadsOutlastOtherRequests(t *testing.T) {
	t.Parallel()
	s := newFileService(t)
	w := s.environment(t, func(c *httpserver.GatewayConfig) {
		c.AnswerTimeout, c.Uploads.StallTimeout = 100*time.Millisecond, time.Second
	})
	up := startUpload(t, w, incompleteForm())
	await(t, s.begun)
	for range 5 {
		pause.For(100*time.Millisecond, "the pause between two parts of a slow upload is the input")
		up.send(t, "more")
	}
	require.Equal(t, 202, up.end(t).StatusCode)
	require.Len(t, s.received()[0].parts[0].body, 100_020)
}

func TestStalledUploadsTimeOut(t *testing.T) {
	t.Parallel()
	quick := func(c *httpserver.GatewayConfig) { c.Uploads.StallTimeout = 400 * time.Millisecond }
	short := func(c *httpserver.GatewayConfig) { c.Uploads.Timeout = 400 * time.Millisecond }
	for name, change := range map[string]func(*httpserver.GatewayConfig){"stall": quick, "in all": short} {
		late := func(r reply, details map[string]any) {
			t.Helper()
			f := requireError(t, r, 504, domain.Timeout)
			details["timeout_seconds"] = 0.4
			require.Equal(t, details, f.Details, name)
		}
		s := newFileService(t)
		w := s.environment(t, change)
		for range 7 { // more than the circuit breaker's threshold
			up := startUpload(t, w, incompleteForm())
			late(up.wait(t), map[string]any{})
			await(t, s.aborted)
		}
		late(startUpload(t, w, "--B\r\n").wait(t), map[string]any{})
		require.Equal(t, 202, upload(t, w, requests.GoodForm()).StatusCode, "the circuit stays closed, because the client was slow")
		require.Len(t, s.received(), 1)

		silent := newFileService(t)
		silent.answer = func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
		w = silent.environment(t, change)
		for range 5 {
			late(upload(t, w, requests.GoodForm()), map[string]any{"external_service": "file_service"})
		}
		requireError(t, upload(t, w, requests.GoodForm()), 503, domain.CircuitBreakerOpen)

		unread, release := newFileService(t), make(chan struct{})
		t.Cleanup(func() { close(release) }) // before the service is closed
		unread.early = func(http.ResponseWriter, *http.Request) { <-release }
		late(upload(t, unread.environment(t, change), largeForm()), map[string]any{"external_service": "file_service"})
	}
}

// earlyStatus answers an upload before its body is read, and then calls next.
func earlyStatus(status int, next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		control := http.NewResponseController(w)
		_ = control.EnableFullDuplex()
		w.WriteHeader(status)
		_ = control.Flush()
		next(w, r)
	}
}

// TestEarlyAnswersOfTheFileService checks that a refusal reaches a client that still sends,
// and that an acceptance waits for the complete form.
func TestEarlyAnswersOfTheFileService(t *testing.T) {
	t.Parallel()
	s := newFileService(t)
	w := s.environment(t, nil)
	s.early = earlyStatus(http.StatusForbidden, func(http.ResponseWriter, *http.Request) {})
	r := startUpload(t, w, incompleteForm()).wait(t)
	require.Equal(t, 403, r.StatusCode)
	require.True(t, r.Close)

	s.early = earlyStatus(http.StatusNotFound, func(http.ResponseWriter, *http.Request) {})
	f := requireError(t, startUpload(t, w, incompleteForm()).wait(t), 404, domain.ResourceNotFound)
	require.Equal(t, map[string]any{"resource_type": "batch"}, f.Details, "the batch id has not arrived")

	s.early = earlyStatus(http.StatusAccepted, func(w http.ResponseWriter, r *http.Request) {
		s.begun <- struct{}{}
		_, _ = io.Copy(w, r.Body)
	})
	const end = "\r\n--B--\r\n"
	for status, rest := range map[int]string{202: "\r\n--B\r\n" + requests.Field("batch_id", "b1") + end, 400: end} {
		for len(s.begun) > 0 {
			<-s.begun
		}
		up := startUpload(t, w, incompleteForm())
		await(t, s.begun)
		await(t, s.begun)
		up.send(t, rest)
		require.NoError(t, up.Close())
		require.Equal(t, status, up.wait(t).StatusCode)
	}

	s.early = earlyStatus(http.StatusAccepted, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.CopyN(io.Discard, r.Body, 10<<20) // the client reads the answer before the reset
		panic(http.ErrAbortHandler)
	})
	requireError(t, upload(t, w, largeForm()), 502, domain.InvalidResponse)
}

// largeForm returns a form of 20 MiB.
func largeForm() string {
	return requests.Form(requests.File("big", strings.Repeat("x", 20<<20)), requests.Field("batch_id", "b1"))
}

func TestFileServiceThatClosesEarly(t *testing.T) {
	t.Parallel()
	s := newFileService(t)
	s.early = func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.CopyN(io.Discard, r.Body, 50_000)
		panic(http.ErrAbortHandler)
	}
	w := s.environment(t, nil)
	requireError(t, upload(t, w, largeForm()), 503, domain.ConnectionError)
	require.Contains(t, w.calls(), domain.ServiceCalled{Service: "file_service", Method: "POST", Endpoint: uploadPath})

	s = newFileService(t)
	s.forwarder.CloseIdleConnections()
	s.url = "http://127.0.0.1:1"
	require.Equal(t, 503, upload(t, s.environment(t, nil), requests.GoodForm()).StatusCode)

	s = newFileService(t)
	s.answer = func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, "{")
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
	require.Equal(t, 502, upload(t, s.environment(t, nil), requests.GoodForm()).StatusCode)
}
