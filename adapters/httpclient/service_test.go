package httpclient_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/huleedu/edge/adapters/httpclient"
	"github.com/huleedu/edge/adapters/memory"
	"github.com/huleedu/edge/domain"
)

// service responds to every request in the same way and records the last one.
type service struct {
	*httptest.Server
	status      int
	contentType string
	body        string

	mu       sync.Mutex
	request  *http.Request
	received []byte
}

// lastRequest returns the last request, nil after reset.
func (s *service) lastRequest() *http.Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.request
}

func (s *service) reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.request = nil
}

func serve(tb testing.TB, status int, body string) *service {
	tb.Helper()
	s := &service{status: status, body: body, contentType: "application/json"}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.request = r
		s.received, _ = io.ReadAll(r.Body)
		s.mu.Unlock()
		w.Header().Set("Content-Type", s.contentType)
		w.WriteHeader(s.status)
		_, _ = io.WriteString(w, s.body)
	}))
	tb.Cleanup(s.Close)
	return s
}

// client returns a client whose aggregator and orchestrator are this service.
func (s *service) client(tb testing.TB) *httpclient.PlatformClient {
	tb.Helper()
	return newBatches(tb, config(s.URL, s.URL), &memory.Facts{})
}

func anna() domain.Caller { return domain.Caller{User: "teacher-anna", Org: "school-north"} }
