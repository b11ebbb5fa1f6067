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
)

// begun is enough of a form to reach the service, and no end.
func begun() string {
	return strings.TrimSuffix(formOf(file("big.bin", strings.Repeat("x", 100_000))), "\r\n--B--\r\n")
}

func TestOneUserHasFourUploads(t *testing.T) {
	t.Parallel()
	s := newFileService(t)
	w := s.behind(t, nil)
	var first *slowly
	for range 4 {
		first = uploading(t, w)
		first.send(t, begun())
		event(t, s.came) // it has its place
	}
	r := upload(t, w, goodForm())
	require.Equal(t, http.StatusServiceUnavailable, r.StatusCode)
	require.Equal(t, "1", r.Header.Get("Retry-After"))
	f := standard(t, r, domain.GatewayService)
	require.Equal(t, string(domain.ServiceUnavailable), f.Code)
	require.Equal(t, map[string]any{"unavailable_service": "file_service"}, f.Details)
	require.Equal(t, 202, call(t, "POST", w.base+uploadPath, goodForm(), "Authorization: Bearer u2", formType).StatusCode, "others have their own")
	first.send(t, "\r\n--B\r\n"+field("batch_id", "b1")+"\r\n--B--\r\n")
	require.NoError(t, first.Close())
	require.Equal(t, 202, first.wait(t).StatusCode)
	require.Equal(t, 202, upload(t, w, goodForm()).StatusCode, "a place came back")
}

// TestAClientThatLeavesStoresNothing, whatever it has sent.
func TestAClientThatLeavesStoresNothing(t *testing.T) {
	t.Parallel()
	s := newFileService(t)
	w := s.behind(t, nil)
	for i := range 7 {
		conn := dial(t, w.Addr())
		_, err := fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: h\r\n%s\r\n%s\r\nContent-Length: 1000000\r\n\r\n%s",
			uploadPath, bearer, formType, begun())
		require.NoError(t, err)
		event(t, s.came)
		require.NoError(t, conn.Close())
		event(t, s.cut)
		require.Eventually(t, func() bool { return len(w.facts.served()) == i+1 }, tick*1000, tick)
	}
	for _, served := range w.facts.served() {
		require.Equal(t, domain.RequestServed{Method: "POST", Endpoint: uploadPath, Status: 499}, served)
	}
	require.Empty(t, w.facts.failed())
	require.Empty(t, s.taken())
	require.Equal(t, 202, upload(t, w, goodForm()).StatusCode, "the circuit stayed closed")
}

func TestAClientThatLeavesBeforeTheAnswer(t *testing.T) {
	t.Parallel()
	s := newFileService(t)
	whole, left := make(chan struct{}), make(chan struct{})
	s.answer = func(_ http.ResponseWriter, r *http.Request) {
		close(whole)
		<-r.Context().Done()
		close(left)
	}
	w := s.behind(t, nil)
	conn := dial(t, w.Addr())
	_, err := fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: h\r\n%s\r\n%s\r\nContent-Length: %d\r\n\r\n%s",
		uploadPath, bearer, formType, len(goodForm()), goodForm())
	require.NoError(t, err)
	event(t, whole) // or the form is cut, which is another test
	require.NoError(t, conn.Close())
	event(t, left)
	require.Eventually(t, func() bool { return len(w.facts.served()) == 1 }, tick*1000, tick)
	require.Equal(t, 499, w.facts.served()[0].Status)
}

// TestSlowUploadsOutlastOtherRequests: the time for an answer does not bound
// them, and they do not stand still.
func TestSlowUploadsOutlastOtherRequests(t *testing.T) {
	t.Parallel()
	s := newFileService(t)
	w := s.behind(t, func(c *httpserver.GatewayConfig) {
		c.AnswerTimeout, c.Uploads.StallTimeout = 100*time.Millisecond, time.Second
	})
	up := uploading(t, w)
	up.send(t, begun())
	event(t, s.came)
	for range 15 {
		pause.For(100*time.Millisecond, "the pause between two parts of a slow upload is the input")
		up.send(t, "more")
	}
	up.send(t, "\r\n--B\r\n"+field("batch_id", "b1")+"\r\n--B--\r\n")
	require.NoError(t, up.Close())
	require.Equal(t, 202, up.wait(t).StatusCode)
	require.Len(t, s.taken()[0].pieces[0].body, 100_060)
}

func TestUploadsThatStandStill(t *testing.T) {
	t.Parallel()
	quick := func(c *httpserver.GatewayConfig) { c.Uploads.StallTimeout = 400 * time.Millisecond }
	short := func(c *httpserver.GatewayConfig) { c.Uploads.Timeout = 400 * time.Millisecond }
	for name, change := range map[string]func(*httpserver.GatewayConfig){"stall": quick, "in all": short} {
		late := func(r reply, details map[string]any) {
			t.Helper()
			require.Equal(t, 504, r.StatusCode, name)
			f := standard(t, r, domain.GatewayService)
			require.Equal(t, string(domain.Timeout), f.Code)
			details["timeout_seconds"] = 0.4
			require.Equal(t, details, f.Details, name)
		}
		s := newFileService(t)
		w := s.behind(t, change)
		for range 7 { // more than would open the circuit
			up := uploading(t, w)
			up.send(t, begun())
			late(up.wait(t), map[string]any{})
			event(t, s.cut)
		}
		late(slowStart(t, w), map[string]any{})
		require.Equal(t, 202, upload(t, w, goodForm()).StatusCode, "the client was slow, not the service")
		require.Len(t, s.taken(), 1)

		silent := newFileService(t)
		silent.answer = func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
		w = silent.behind(t, change)
		for range 5 {
			late(upload(t, w, goodForm()), map[string]any{"external_service": "file_service"})
		}
		r := upload(t, w, goodForm())
		require.Equal(t, string(domain.CircuitBreakerOpen), standard(t, r, domain.GatewayService).Code, "the service was slow")

		deaf, over := newFileService(t), make(chan struct{})
		deaf.early = func(http.ResponseWriter, *http.Request) { <-over }
		big := formOf(file("big", strings.Repeat("x", 20<<20)), field("batch_id", "b1"))
		late(upload(t, deaf.behind(t, change), big), map[string]any{"external_service": "file_service"})
		close(over)
	}
}

// slowStart is an upload that never gets to its first part.
func slowStart(t *testing.T, w *world) reply {
	t.Helper()
	up := uploading(t, w)
	up.send(t, "--B\r\n")
	return up.wait(t)
}

// TestServicesThatAnswerEarly: a refusal reaches the client while it is still
// sending; an acceptance waits for the whole form.
func TestServicesThatAnswerEarly(t *testing.T) {
	t.Parallel()
	s := newFileService(t)
	s.early = func(w http.ResponseWriter, _ *http.Request) {
		_ = http.NewResponseController(w).EnableFullDuplex()
		w.WriteHeader(http.StatusForbidden)
	}
	up := uploading(t, s.behind(t, nil))
	up.send(t, begun())
	r := up.wait(t)
	require.Equal(t, 403, r.StatusCode)
	require.True(t, r.Close)

	s = newFileService(t)
	s.early = func(w http.ResponseWriter, _ *http.Request) {
		_ = http.NewResponseController(w).EnableFullDuplex()
		w.WriteHeader(http.StatusNotFound)
	}
	up = uploading(t, s.behind(t, nil))
	up.send(t, begun())
	r = up.wait(t)
	require.Equal(t, map[string]any{"resource_type": "batch"}, standard(t, r, domain.GatewayService).Details, "its name did not come yet")

	s = newFileService(t)
	s.early = func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).EnableFullDuplex()
		w.WriteHeader(http.StatusAccepted)
		_ = http.NewResponseController(w).Flush()
		s.came <- struct{}{}
		_, _ = io.Copy(w, r.Body)
	}
	w := s.behind(t, nil)
	for _, good := range []bool{true, false} {
		up = uploading(t, w)
		up.send(t, begun())
		event(t, s.came)
		event(t, s.came)
		if good {
			up.send(t, "\r\n--B\r\n"+field("batch_id", "b1"))
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
		_, _ = io.CopyN(io.Discard, r.Body, 10<<20) // the answer is read meanwhile, before the reset
		panic(http.ErrAbortHandler)
	}
	r = upload(t, s.behind(t, nil), formOf(file("big", strings.Repeat("x", 20<<20)), field("batch_id", "b1")))
	require.Equal(t, 502, r.StatusCode)
	require.Equal(t, string(domain.InvalidResponse), standard(t, r, domain.GatewayService).Code)
}

func TestServicesThatDieMidway(t *testing.T) {
	t.Parallel()
	s := newFileService(t)
	s.early = func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.CopyN(io.Discard, r.Body, 50_000)
		panic(http.ErrAbortHandler)
	}
	w := s.behind(t, nil)
	r := upload(t, w, formOf(file("big", strings.Repeat("x", 5<<20)), field("batch_id", "b1")))
	require.Equal(t, 503, r.StatusCode)
	require.Equal(t, string(domain.ConnectionError), standard(t, r, domain.GatewayService).Code)
	require.Contains(t, w.facts.calls(), domain.ServiceCalled{Service: "file_service", Method: "POST", Endpoint: uploadPath})

	s = newFileService(t)
	s.forwarder.CloseIdleConnections()
	s.url = "http://127.0.0.1:1"
	require.Equal(t, 503, upload(t, s.behind(t, nil), goodForm()).StatusCode)

	s = newFileService(t)
	s.answer = func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, "{")
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
	require.Equal(t, 502, upload(t, s.behind(t, nil), goodForm()).StatusCode)
}

// stubborn sends all of its body before it looks for an answer, as browsers do.
func stubborn(t *testing.T, conn net.Conn, path, headers, body string) heard {
	t.Helper()
	_, err := io.WriteString(conn, "POST "+path+" HTTP/1.1\r\nHost: h\r\n"+headers+fmt.Sprintf("Content-Length: %d\r\n\r\n", len(body)))
	require.NoError(t, err)
	_, err = io.WriteString(conn, body)
	require.NoError(t, err)
	return answerOf(t, conn)
}

// TestBrowsersSeeEarlyAnswers: nobody is cut off for sending on, within limits.
func TestBrowsersSeeEarlyAnswers(t *testing.T) {
	t.Parallel()
	s := newFileService(t)
	w := s.behind(t, func(c *httpserver.GatewayConfig) { c.Uploads.MaxBytes = 1 << 20 })
	const good = bearer + "\r\n" + formType + "\r\n"
	tail := strings.Repeat("x", 12<<20)
	for name, c := range map[string]struct {
		headers, body string
		status        int
	}{
		"stranger":       {formType + "\r\n", tail, 401},
		"announced":      {good, tail, 413},
		"no form":        {bearer + "\r\n", tail, 413},
		"bad boundary":   {bearer + "\r\nContent-Type: multipart/form-data\r\n", tail[:1<<20], 400},
		"bad first part": {good, "--B\r\nnonsense\r\n\r\n" + tail[:1_000_000], 400},
	} {
		conn := dial(t, w.Addr())
		r := stubborn(t, conn, uploadPath, c.headers, c.body)
		assert.Equal(t, c.status, r.status, name)
		assert.True(t, r.last, "who has not sent everything need not")
	}
	conn := dial(t, w.Addr())
	for range 2 {
		r := stubborn(t, conn, uploadPath, good, goodForm())
		require.Equal(t, 202, r.status)
		require.False(t, r.last, "the connection can be used again")
	}
	conn = dial(t, w.Addr())
	_, err := io.WriteString(conn, "POST "+uploadPath+" HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000000\r\n\r\n")
	require.NoError(t, err)
	sent, err := io.Copy(conn, io.LimitReader(endless{}, 1_000_000_000))
	require.Error(t, err)
	require.Greater(t, sent, int64(16<<20))
	require.Less(t, sent, int64(64<<20), "but not for ever")
}

// TestEveryRouteHearsOut: a refusal reaches who sends on, wherever it comes from,
// and also who will not use the connection again, which net/http would reset.
func TestEveryRouteHearsOut(t *testing.T) {
	t.Parallel()
	w := served(t, func(http.ResponseWriter, *http.Request) {})
	const last, json = "Connection: close\r\n", "Content-Type: application/json\r\n"
	large := strings.Repeat(" ", 12<<20)
	for name, c := range map[string]struct {
		path, headers string
		status        int
	}{
		"stranger":         {"/v1/batches/register", last + json, 401},
		"too large":        {"/v1/batches/register", last + json + bearer + "\r\n", 413},
		"no JSON":          {"/v1/batches/register", last + "Content-Type: text/plain\r\n" + bearer + "\r\n", 415},
		"passed, stranger": {"/v1/classes/", last, 401},
		"passed":           {"/v1/classes/", last + bearer + "\r\n", 413},
		"passed, kept":     {"/v1/classes/", bearer + "\r\n", 413},
		"no route":         {"/v2", last, 404},
	} {
		r := stubborn(t, dial(t, w.Addr()), c.path, c.headers, large)
		assert.Equal(t, c.status, r.status, name)
	}
	conn := dial(t, w.Addr())
	for range 3 {
		r := stubborn(t, conn, "/v1/batches/register", json, "{}")
		require.Equal(t, 401, r.status)
		require.False(t, r.last, "a small body costs nobody the connection")
	}
}

// TestPassedBodiesWithoutLengthAreBounded: the limit is met on the way, and its
// client sees it.
func TestPassedBodiesWithoutLengthAreBounded(t *testing.T) {
	t.Parallel()
	w := served(t, func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) })
	chunk := "100000\r\n" + strings.Repeat("x", 1<<20) + "\r\n"
	for _, last := range []string{"", "Connection: close\r\n"} {
		conn := dial(t, w.Addr())
		_, err := io.WriteString(conn, "POST /v1/classes/ HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n"+last+bearer+"\r\n\r\n")
		require.NoError(t, err)
		_, err = io.WriteString(conn, strings.Repeat(chunk, 24)+"0\r\n\r\n")
		require.NoError(t, err, "%q", last)
		require.Equal(t, 413, answerOf(t, conn).status, "%q", last)
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

// TestNobodyIsAskedForABodyInVain: a client that waits to be asked learns of a
// refusal without sending anything.
func TestNobodyIsAskedForABodyInVain(t *testing.T) {
	t.Parallel()
	s := newFileService(t)
	w := s.behind(t, nil)
	for headers, want := range map[string]string{
		"":              "HTTP/1.1 401 ",
		bearer + "\r\n": "HTTP/1.1 413 ",
	} {
		began := time.Now()
		answer := raw(t, w.Addr(), "POST "+uploadPath+" HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 1000000000\r\n"+headers+"\r\n")
		require.True(t, strings.HasPrefix(answer, want), answer)
		require.Less(t, time.Since(began), 5*time.Second)
	}
	conn := dial(t, w.Addr())
	_, err := fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n%s\r\n%s\r\nContent-Length: %d\r\n\r\n",
		uploadPath, bearer, formType, len(goodForm()))
	require.NoError(t, err)
	in := bufio.NewReader(conn)
	line, err := in.ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "HTTP/1.1 100 Continue\r\n", line)
	_, err = io.WriteString(conn, goodForm())
	require.NoError(t, err)
	_, err = in.ReadString('\n')
	require.NoError(t, err)
	r, err := http.ReadResponse(in, nil)
	require.NoError(t, err)
	require.NoError(t, r.Body.Close())
	require.Equal(t, 202, r.StatusCode)
}
