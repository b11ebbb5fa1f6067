package httpserver_test

import (
	"bytes"
	"io"
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
	"github.com/huleedu/edge/domain"
)

const (
	uploadPath = "/v1/files/batch"
	formType   = "Content-Type: multipart/form-data; boundary=B"
	thanks     = `{"message":"Received","batch_id":"b1"}`
)

// piece is a part of a form, its header by canonical names.
type piece struct {
	header map[string][]string
	body   string
}

// delivery is a request that came to its end.
type delivery struct {
	*http.Request
	pieces []piece
}

// fileService remembers whole requests, and counts those that began (came) and
// those that ended before their end (cut).
type fileService struct {
	url       string
	forwarder *httpclient.Forwarder

	mu     sync.Mutex
	whole  []delivery
	came   chan struct{}
	cut    chan struct{}
	answer http.HandlerFunc // nil: 202
	early  http.HandlerFunc // answers before anything is read
}

func newFileService(tb testing.TB) *fileService {
	tb.Helper()
	s := &fileService{came: make(chan struct{}, 1000), cut: make(chan struct{}, 1000)}
	server := httptest.NewServer(s)
	tb.Cleanup(server.Close)
	s.url = server.URL
	s.forwarder = httpclient.NewForwarder(domain.FileService, httpclient.Config{
		Timeout: time.Minute, ConnectTimeout: 5 * time.Second, MaxConcurrency: 256,
		CircuitBreakerEnabled: true, FailureThreshold: 5, RecoveryTimeout: time.Minute, SuccessThreshold: 2,
	}, &facts{})
	tb.Cleanup(s.forwarder.CloseIdleConnections)
	return s
}

func (s *fileService) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.came <- struct{}{}
	if s.early != nil {
		s.early(w, r)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		s.cut <- struct{}{}
		return
	}
	d := delivery{Request: r}
	_, boundary, _ := strings.Cut(r.Header.Get("Content-Type"), "boundary=")
	form := multipart.NewReader(bytes.NewReader(body), boundary)
	for {
		part, err := form.NextRawPart()
		if err != nil {
			break
		}
		content, _ := io.ReadAll(part) // the body is whole
		d.pieces = append(d.pieces, piece{part.Header, string(content)})
	}
	s.mu.Lock()
	s.whole = append(s.whole, d)
	s.mu.Unlock()
	if s.answer != nil {
		s.answer(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusAccepted)
	_, _ = io.WriteString(w, thanks)
}

func (s *fileService) taken() []delivery {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.whole
}

// behind lets a world upload to the service; change may alter the bounds.
func (s *fileService) behind(tb testing.TB, change func(*httpserver.GatewayConfig)) *world {
	tb.Helper()
	return newWorld(tb, func(_ *world, p *httpserver.GatewayParts) {
		p.Files = httpserver.Upstream{URL: s.url, Transport: s.forwarder}
		if change != nil {
			change(&p.Config)
		}
	})
}

// answering is a service that gives the same answer to all whole forms.
func answering(tb testing.TB, status int, body string) *fileService {
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
func upload(t *testing.T, w *world, body string, headers ...string) reply {
	t.Helper()
	return call(t, http.MethodPost, w.base+uploadPath, body, append([]string{bearer, formType}, headers...)...)
}

// slowly is an upload whose body the test writes; the answer comes when it is
// there, also before the body's end.
type slowly struct {
	*io.PipeWriter
	answered chan reply
}

func uploading(t *testing.T, w *world) *slowly {
	t.Helper()
	out, in := io.Pipe()
	s := &slowly{in, make(chan reply, 1)}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.base+uploadPath, out)
	require.NoError(t, err)
	request.Header.Set("Authorization", "Bearer u1")
	request.Header.Set("Content-Type", "multipart/form-data; boundary=B")
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		transport := &http.Transport{DisableKeepAlives: true}
		response, err := transport.RoundTrip(request)
		if err != nil {
			return // the test asks for an answer or does not care
		}
		text, _ := io.ReadAll(response.Body) // the test looks at what came
		_ = response.Body.Close()
		s.answered <- reply{response, string(text)}
	}()
	t.Cleanup(func() { _ = in.CloseWithError(io.ErrUnexpectedEOF); <-ended })
	return s
}

func (s *slowly) send(t *testing.T, text string) {
	t.Helper()
	_, err := io.WriteString(s, text)
	require.NoError(t, err)
}

func (s *slowly) wait(t *testing.T) reply {
	t.Helper()
	select {
	case r := <-s.answered:
		return r
	case <-time.After(10 * time.Second):
		t.Fatal("no answer")
		return reply{}
	}
}

// event waits for something that will happen.
func event(t *testing.T, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(10 * time.Second):
		t.Fatal("it did not happen")
	}
}
