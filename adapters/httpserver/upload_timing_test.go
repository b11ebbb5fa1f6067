package httpserver_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
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
		first = startUpload(t, w)
		first.send(t, incompleteForm())
		await(t, s.begun) // it is counted
	}
	r := upload(t, w, requests.GoodForm())
	require.Equal(t, http.StatusServiceUnavailable, r.StatusCode)
	require.Equal(t, "1", r.Header.Get("Retry-After"))
	f := requireStandardError(t, r, domain.GatewayService)
	require.Equal(t, string(domain.ServiceUnavailable), f.Code)
	require.Equal(t, map[string]any{"unavailable_service": "file_service"}, f.Details)
	require.Equal(t, 202, call(t, "POST", w.base+uploadPath, requests.GoodForm(), "Authorization: Bearer u2", formType).StatusCode, "another user has another limit")
	first.send(t, "\r\n--B\r\n"+requests.Field("batch_id", "b1")+"\r\n--B--\r\n")
	require.NoError(t, first.Close())
	require.Equal(t, 202, first.wait(t).StatusCode)
	require.Equal(t, 202, upload(t, w, requests.GoodForm()).StatusCode, "the finished upload is not counted")
}

// TestUploadOfDisconnectedClientIsAborted checks that the service gets no complete request.
func TestUploadOfDisconnectedClientIsAborted(t *testing.T) {
	t.Parallel()
	s := newFileService(t)
	w := s.environment(t, nil)
	for i := range 7 {
		conn := dial(t, w.Addr())
		_, err := fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: h\r\n%s\r\n%s\r\nContent-Length: 1000000\r\n\r\n%s",
			uploadPath, bearer, formType, incompleteForm())
		require.NoError(t, err)
		await(t, s.begun)
		require.NoError(t, conn.Close())
		await(t, s.aborted)
		require.Eventually(t, func() bool { return len(w.facts.served()) == i+1 }, tick*1000, tick)
	}
	for _, newServedEnvironment := range w.facts.served() {
		require.Equal(t, domain.RequestServed{Method: "POST", Endpoint: uploadPath, Status: 499}, newServedEnvironment)
	}
	require.Empty(t, w.facts.failed())
	require.Empty(t, s.received())
	require.Equal(t, 202, upload(t, w, requests.GoodForm()).StatusCode, "the circuit stays closed")
}

func TestDisconnectAfterUploadCancelsTheCall(t *testing.T) {
	t.Parallel()
	s := newFileService(t)
	complete, left := make(chan struct{}), make(chan struct{})
	s.answer = func(_ http.ResponseWriter, r *http.Request) {
		close(complete)
		<-r.Context().Done()
		close(left)
	}
	w := s.environment(t, nil)
	conn := dial(t, w.Addr())
	_, err := fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: h\r\n%s\r\n%s\r\nContent-Length: %d\r\n\r\n%s",
		uploadPath, bearer, formType, len(requests.GoodForm()), requests.GoodForm())
	require.NoError(t, err)
	await(t, complete) // otherwise the form is cut, which another test covers
	require.NoError(t, conn.Close())
	await(t, left)
	require.Eventually(t, func() bool { return len(w.facts.served()) == 1 }, tick*1000, tick)
	require.Equal(t, 499, w.facts.served()[0].Status)
}

// TestSlowUploadsOutlastOtherRequests checks that the answer timeout does not bound an upload
// that makes progress.
func TestSlowUploadsOutlastOtherRequests(t *testing.T) {
	t.Parallel()
	s := newFileService(t)
	w := s.environment(t, func(c *httpserver.GatewayConfig) {
		c.AnswerTimeout, c.Uploads.StallTimeout = 100*time.Millisecond, time.Second
	})
	up := startUpload(t, w)
	up.send(t, incompleteForm())
	await(t, s.begun)
	for range 15 {
		pause.For(100*time.Millisecond, "the pause between two parts of a slow upload is the input")
		up.send(t, "more")
	}
	up.send(t, "\r\n--B\r\n"+requests.Field("batch_id", "b1")+"\r\n--B--\r\n")
	require.NoError(t, up.Close())
	require.Equal(t, 202, up.wait(t).StatusCode)
	require.Len(t, s.received()[0].parts[0].body, 100_060)
}

func TestStalledUploadsTimeOut(t *testing.T) {
	t.Parallel()
	quick := func(c *httpserver.GatewayConfig) { c.Uploads.StallTimeout = 400 * time.Millisecond }
	short := func(c *httpserver.GatewayConfig) { c.Uploads.Timeout = 400 * time.Millisecond }
	for name, change := range map[string]func(*httpserver.GatewayConfig){"stall": quick, "in all": short} {
		late := func(r reply, details map[string]any) {
			t.Helper()
			require.Equal(t, 504, r.StatusCode, name)
			f := requireStandardError(t, r, domain.GatewayService)
			require.Equal(t, string(domain.Timeout), f.Code)
			details["timeout_seconds"] = 0.4
			require.Equal(t, details, f.Details, name)
		}
		s := newFileService(t)
		w := s.environment(t, change)
		for range 7 { // more than the circuit breaker's threshold
			up := startUpload(t, w)
			up.send(t, incompleteForm())
			late(up.wait(t), map[string]any{})
			await(t, s.aborted)
		}
		late(uploadWithoutParts(t, w), map[string]any{})
		require.Equal(t, 202, upload(t, w, requests.GoodForm()).StatusCode, "the circuit stays closed, because the client was slow")
		require.Len(t, s.received(), 1)

		silent := newFileService(t)
		silent.answer = func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
		w = silent.environment(t, change)
		for range 5 {
			late(upload(t, w, requests.GoodForm()), map[string]any{"external_service": "file_service"})
		}
		r := upload(t, w, requests.GoodForm())
		require.Equal(t, string(domain.CircuitBreakerOpen), requireStandardError(t, r, domain.GatewayService).Code, "the circuit opens")

		deaf, withForwarder := newFileService(t), make(chan struct{})
		deaf.early = func(http.ResponseWriter, *http.Request) { <-withForwarder }
		big := requests.Form(requests.File("big", strings.Repeat("x", 20<<20)), requests.Field("batch_id", "b1"))
		late(upload(t, deaf.environment(t, change), big), map[string]any{"external_service": "file_service"})
		close(withForwarder)
	}
}

// uploadWithoutParts starts an upload that never sends its first part.
func uploadWithoutParts(t *testing.T, w *environment) reply {
	t.Helper()
	up := startUpload(t, w)
	up.send(t, "--B\r\n")
	return up.wait(t)
}

// TestEarlyAnswersOfTheFileService checks that a refusal reaches a client that still sends,
// and that an acceptance waits for the complete form.
func TestEarlyAnswersOfTheFileService(t *testing.T) {
	t.Parallel()
	s := newFileService(t)
	s.early = func(w http.ResponseWriter, _ *http.Request) {
		_ = http.NewResponseController(w).EnableFullDuplex()
		w.WriteHeader(http.StatusForbidden)
	}
	up := startUpload(t, s.environment(t, nil))
	up.send(t, incompleteForm())
	r := up.wait(t)
	require.Equal(t, 403, r.StatusCode)
	require.True(t, r.Close)

	s = newFileService(t)
	s.early = func(w http.ResponseWriter, _ *http.Request) {
		_ = http.NewResponseController(w).EnableFullDuplex()
		w.WriteHeader(http.StatusNotFound)
	}
	up = startUpload(t, s.environment(t, nil))
	up.send(t, incompleteForm())
	r = up.wait(t)
	require.Equal(t, map[string]any{"resource_type": "batch"}, requireStandardError(t, r, domain.GatewayService).Details, "the batch id has not arrived")

	s = newFileService(t)
	s.early = func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).EnableFullDuplex()
		w.WriteHeader(http.StatusAccepted)
		_ = http.NewResponseController(w).Flush()
		s.begun <- struct{}{}
		_, _ = io.Copy(w, r.Body)
	}
	w := s.environment(t, nil)
	for _, good := range []bool{true, false} {
		up = startUpload(t, w)
		up.send(t, incompleteForm())
		await(t, s.begun)
		await(t, s.begun)
		if good {
			up.send(t, "\r\n--B\r\n"+requests.Field("batch_id", "b1"))
		}
		up.send(t, "\r\n--B--\r\n")
		require.NoError(t, up.Close())
		r = up.wait(t)
		require.Equal(t, map[bool]int{true: 202, false: 400}[good], r.StatusCode, r.body)
	}

	s = newFileService(t)
	s.early = func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).EnableFullDuplex()
		w.WriteHeader(http.StatusAccepted)
		_ = http.NewResponseController(w).Flush()
		_, _ = io.CopyN(io.Discard, r.Body, 10<<20) // the client reads the answer before the reset
		panic(http.ErrAbortHandler)
	}
	r = upload(t, s.environment(t, nil), requests.Form(requests.File("big", strings.Repeat("x", 20<<20)), requests.Field("batch_id", "b1")))
	require.Equal(t, 502, r.StatusCode)
	require.Equal(t, string(domain.InvalidResponse), requireStandardError(t, r, domain.GatewayService).Code)
}

func TestFileServiceThatClosesEarly(t *testing.T) {
	t.Parallel()
	s := newFileService(t)
	s.early = func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.CopyN(io.Discard, r.Body, 50_000)
		panic(http.ErrAbortHandler)
	}
	w := s.environment(t, nil)
	r := upload(t, w, requests.Form(requests.File("big", strings.Repeat("x", 5<<20)), requests.Field("batch_id", "b1")))
	require.Equal(t, 503, r.StatusCode)
	require.Equal(t, string(domain.ConnectionError), requireStandardError(t, r, domain.GatewayService).Code)
	require.Contains(t, w.facts.calls(), domain.ServiceCalled{Service: "file_service", Method: "POST", Endpoint: uploadPath})

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

// sendWholeBody sends all of its body before it reads the answer, as browsers do.
func sendWholeBody(t *testing.T, conn net.Conn, path, headers, body string) rawResponse {
	t.Helper()
	_, err := io.WriteString(conn, "POST "+path+" HTTP/1.1\r\nHost: h\r\n"+headers+fmt.Sprintf("Content-Length: %d\r\n\r\n", len(body)))
	require.NoError(t, err)
	_, err = io.WriteString(conn, body)
	require.NoError(t, err)
	return readResponse(t, conn)
}

// TestClientsThatKeepSendingReadEarlyAnswers checks that the connection stays open long
// enough, within limits.
func TestClientsThatKeepSendingReadEarlyAnswers(t *testing.T) {
	t.Parallel()
	s := newFileService(t)
	w := s.environment(t, func(c *httpserver.GatewayConfig) { c.Uploads.MaxBytes = 1 << 20 })
	const good = bearer + "\r\n" + formType + "\r\n"
	tail := strings.Repeat("x", 12<<20)
	for name, c := range map[string]struct {
		headers, body string
		status        int
	}{
		"no token":       {formType + "\r\n", tail, 401},
		"announced":      {good, tail, 413},
		"no form":        {bearer + "\r\n", tail, 413},
		"bad boundary":   {bearer + "\r\nContent-Type: multipart/form-data\r\n", tail[:1<<20], 400},
		"bad first part": {good, "--B\r\nnonsense\r\n\r\n" + tail[:1_000_000], 400},
	} {
		conn := dial(t, w.Addr())
		r := sendWholeBody(t, conn, uploadPath, c.headers, c.body)
		assert.Equal(t, c.status, r.status, name)
		assert.True(t, r.closes, "the rest of the body is not needed")
	}
	conn := dial(t, w.Addr())
	for range 2 {
		r := sendWholeBody(t, conn, uploadPath, good, requests.GoodForm())
		require.Equal(t, 202, r.status)
		require.False(t, r.closes, "the connection stays open")
	}
	conn = dial(t, w.Addr())
	_, err := io.WriteString(conn, "POST "+uploadPath+" HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000000\r\n\r\n")
	require.NoError(t, err)
	sent, err := io.Copy(conn, io.LimitReader(endlessReader{}, 1_000_000_000))
	require.Error(t, err)
	require.Greater(t, sent, int64(16<<20))
	require.Less(t, sent, int64(64<<20), "the rest is limited")
}

// TestEveryRouteAnswersClientsThatKeepSending checks all kinds of refusals, with and without
// "Connection: close", after which net/http would reset the connection.
func TestEveryRouteAnswersClientsThatKeepSending(t *testing.T) {
	t.Parallel()
	w := newServedEnvironment(t, func(http.ResponseWriter, *http.Request) {})
	const last, json = "Connection: close\r\n", "Content-Type: application/json\r\n"
	large := strings.Repeat(" ", 12<<20)
	for name, c := range map[string]struct {
		path, headers string
		status        int
	}{
		"no token":            {"/v1/batches/register", last + json, 401},
		"too large":           {"/v1/batches/register", last + json + bearer + "\r\n", 413},
		"no JSON":             {"/v1/batches/register", last + "Content-Type: text/plain\r\n" + bearer + "\r\n", 415},
		"forwarded, no token": {"/v1/classes/", last, 401},
		"forwarded":           {"/v1/classes/", last + bearer + "\r\n", 413},
		"forwarded, kept":     {"/v1/classes/", bearer + "\r\n", 413},
		"no route":            {"/v2", last, 404},
	} {
		r := sendWholeBody(t, dial(t, w.Addr()), c.path, c.headers, large)
		assert.Equal(t, c.status, r.status, name)
	}
	conn := dial(t, w.Addr())
	for range 3 {
		r := sendWholeBody(t, conn, "/v1/batches/register", json, "{}")
		require.Equal(t, 401, r.status)
		require.False(t, r.closes, "a small body keeps the connection")
	}
}

// TestChunkedForwardedBodiesAreBounded checks that the client gets the answer when the limit
// is reached within the body.
func TestChunkedForwardedBodiesAreBounded(t *testing.T) {
	t.Parallel()
	w := newServedEnvironment(t, func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) })
	chunk := "100000\r\n" + strings.Repeat("x", 1<<20) + "\r\n"
	for _, last := range []string{"", "Connection: close\r\n"} {
		conn := dial(t, w.Addr())
		_, err := io.WriteString(conn, "POST /v1/classes/ HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n"+last+bearer+"\r\n\r\n")
		require.NoError(t, err)
		_, err = io.WriteString(conn, strings.Repeat(chunk, 24)+"0\r\n\r\n")
		require.NoError(t, err, "%q", last)
		require.Equal(t, 413, readResponse(t, conn).status, "%q", last)
	}
}

type endlessReader struct{}

func (endlessReader) Read(p []byte) (int, error) { return len(p), nil }

// TestRefusedRequestsGetNo100Continue checks that a client that waits for 100 Continue gets
// the refusal without sending its body.
func TestRefusedRequestsGetNo100Continue(t *testing.T) {
	t.Parallel()
	s := newFileService(t)
	w := s.environment(t, nil)
	for headers, want := range map[string]string{
		"":              "HTTP/1.1 401 ",
		bearer + "\r\n": "HTTP/1.1 413 ",
	} {
		began := time.Now()
		answer := sendRaw(t, w.Addr(), "POST "+uploadPath+" HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 1000000000\r\n"+headers+"\r\n")
		require.True(t, strings.HasPrefix(answer, want), answer)
		require.Less(t, time.Since(began), 5*time.Second)
	}
	conn := dial(t, w.Addr())
	_, err := fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n%s\r\n%s\r\nContent-Length: %d\r\n\r\n",
		uploadPath, bearer, formType, len(requests.GoodForm()))
	require.NoError(t, err)
	in := bufio.NewReader(conn)
	line, err := in.ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "HTTP/1.1 100 Continue\r\n", line)
	_, err = io.WriteString(conn, requests.GoodForm())
	require.NoError(t, err)
	_, err = in.ReadString('\n')
	require.NoError(t, err)
	r, err := http.ReadResponse(in, nil)
	require.NoError(t, err)
	require.NoError(t, r.Body.Close())
	require.Equal(t, 202, r.StatusCode)
}
