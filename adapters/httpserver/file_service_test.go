package httpserver_test

import (
	"bytes"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/httpclient"
	"github.com/huleedu/edge/adapters/httpserver"
	"github.com/huleedu/edge/adapters/memory"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/recorded"
	"github.com/huleedu/edge/test/requests"
)

const (
	uploadPath = "/v1/files/batch"
	formType   = "Content-Type: multipart/form-data; boundary=B"
	acceptance = `{"message":"Received","batch_id":"b1"}`
)

// formPart is a part of a form. The names of its header are canonical.
type formPart struct {
	header map[string][]string
	body   string
}

// receivedUpload is an upload that the file service received completely.
type receivedUpload struct {
	*http.Request
	parts []formPart
}

// fileService is a file service that keeps complete uploads.
type fileService struct {
	url       string
	forwarder *httpclient.Forwarder

	mu      sync.Mutex
	uploads []receivedUpload
	begun   chan struct{}
	aborted chan struct{}
	answer  http.HandlerFunc // nil: 202
	early   http.HandlerFunc // answers before anything is read
}

func newFileService(tb testing.TB) *fileService {
	tb.Helper()
	s := &fileService{begun: make(chan struct{}, 1000), aborted: make(chan struct{}, 1000)}
	server := httptest.NewServer(s)
	tb.Cleanup(server.Close)
	s.url = server.URL
	s.forwarder = httpclient.NewForwarder(domain.FileService, httpclient.Config{
		Timeout: time.Minute, ConnectTimeout: 5 * time.Second, MaxConcurrency: 256,
		CircuitBreakerEnabled: true, FailureThreshold: 5, RecoveryTimeout: time.Minute, SuccessThreshold: 2,
	}, &memory.Facts{}, slog.New(slog.DiscardHandler))
	tb.Cleanup(s.forwarder.CloseIdleConnections)
	return s
}

func (s *fileService) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.begun <- struct{}{}
	if s.early != nil {
		s.early(w, r)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		s.aborted <- struct{}{}
		return
	}
	d := receivedUpload{Request: r}
	_, boundary, _ := strings.Cut(r.Header.Get("Content-Type"), "boundary=")
	form := multipart.NewReader(bytes.NewReader(body), boundary)
	for {
		part, err := form.NextRawPart()
		if err != nil {
			break
		}
		content, _ := io.ReadAll(part) // the body is complete
		d.parts = append(d.parts, formPart{part.Header, string(content)})
	}
	s.mu.Lock()
	s.uploads = append(s.uploads, d)
	s.mu.Unlock()
	if s.answer != nil {
		s.answer(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusAccepted)
	_, _ = io.WriteString(w, acceptance)
}

// received returns the complete uploads.
func (s *fileService) received() []receivedUpload {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.uploads
}

// environment returns a gateway in front of the file service.
func (s *fileService) environment(tb testing.TB, change func(*httpserver.GatewayConfig)) *environment {
	tb.Helper()
	return newEnvironment(tb, with(func(p *httpserver.GatewayParts) {
		p.Files = httpserver.Upstream{URL: s.url, Transport: s.forwarder}
		if change != nil {
			change(&p.Config)
		}
	}))
}

// newAnsweringFileService returns a file service that gives the same answer to all complete
// uploads.
func newAnsweringFileService(tb testing.TB, status int, body string) *fileService {
	tb.Helper()
	s := newFileService(tb)
	s.answer = func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
	return s
}

// upload sends a form with its length.
func upload(t *testing.T, w *environment, body string, headers ...string) reply {
	t.Helper()
	return call(t, http.MethodPost, w.base+uploadPath, body, append([]string{bearer, formType}, headers...)...)
}

// openUpload is an upload whose body the test writes. The answer may arrive before the end of
// the body.
type openUpload struct {
	*io.PipeWriter
	answered chan reply
}

// startUpload starts an upload and sends the beginning of its form.
func startUpload(t *testing.T, w *environment, begin string) *openUpload {
	t.Helper()
	out, in := io.Pipe()
	s := &openUpload{in, make(chan reply, 1)}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.base+uploadPath, out)
	require.NoError(t, err)
	request.Header.Set("Authorization", "Bearer u1")
	request.Header.Set("Content-Type", "multipart/form-data; boundary=B")
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		response, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(request)
		if err != nil {
			return // the test waits for an answer if it needs one
		}
		text, _ := io.ReadAll(response.Body) // the test checks what arrived
		_ = response.Body.Close()
		s.answered <- reply{response, string(text)}
	}()
	t.Cleanup(func() { _ = in.CloseWithError(io.ErrUnexpectedEOF); <-ended })
	s.send(t, begin)
	return s
}

// send writes a part of the body.
func (s *openUpload) send(t *testing.T, text string) {
	t.Helper()
	_, err := io.WriteString(s, text)
	require.NoError(t, err)
}

// end writes the rest of the form and ends the body.
func (s *openUpload) end(t *testing.T) reply {
	t.Helper()
	s.send(t, "\r\n--B\r\n"+requests.Field("batch_id", "b1")+"\r\n--B--\r\n")
	require.NoError(t, s.Close())
	return s.wait(t)
}

// wait returns the answer.
func (s *openUpload) wait(t *testing.T) reply {
	t.Helper()
	select {
	case r := <-s.answered:
		return r
	case <-time.After(10 * time.Second):
		t.Fatal("no answer")
		return reply{}
	}
}

// await waits up to ten seconds for an event.
func await(t *testing.T, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(10 * time.Second):
		t.Fatal("the event did not happen")
	}
}

// calls returns the calls to services, without their durations.
func (w *environment) calls() []domain.ServiceCalled {
	out := recorded.FactsOf[domain.ServiceCalled](w.facts.All())
	for i := range out {
		out[i].Duration = 0
	}
	return out
}
