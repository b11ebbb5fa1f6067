package httpclient_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/memory"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/recorded"
)

func TestRefusedConnection(t *testing.T) {
	s := serve(t, 200, `{}`)
	client := s.client(t)
	s.Close()
	_, err := client.Status(t.Context(), anna(), "b1")
	e := domain.As(err)
	require.Equal(t, domain.ConnectionError, e.Code)
	require.Equal(t, map[string]any{"target": "result_aggregator"}, e.Details)
	require.NotContains(t, e.Message, "127.0.0.1")
	require.NotErrorIs(t, err, context.Canceled)
}

func TestMalformedResponsesAreClassified(t *testing.T) {
	for raw, code := range map[string]domain.Code{
		"":                  domain.ConnectionError,
		"HELLO\r\n\r\n":     domain.InvalidResponse,
		"HTTP/1.1 200 OK\r": domain.InvalidResponse,
		"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}":                                domain.InvalidResponse,
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz":                       domain.InvalidResponse,
		"HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 1<<20) + "\r\n\r\n{}":            domain.InvalidResponse,
		"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n{}":                      domain.InvalidResponse,
		"HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\nConnection: close\r\n\r\nshort": domain.ResourceNotFound,
	} {
		client := newBatches(t, config(serveText(t, raw), ""), &memory.Facts{})
		_, err := client.Status(t.Context(), anna(), "b1")
		require.Equal(t, code, domain.CodeOf(err), "%.60q: %v", raw, err)
	}
}

// stalled starts a service that never responds, or stops after the beginning of a body.
func stalled(t *testing.T, begin string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if begin != "" {
			_, _ = io.WriteString(w, begin)
			_ = http.NewResponseController(w).Flush()
		}
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func TestCallsEndAtTheirDeadline(t *testing.T) {
	for _, begin := range []string{"", `{"a":`} {
		c := config(stalled(t, begin), stalled(t, begin))
		c.Timeout = 50 * time.Millisecond
		client := newBatches(t, c, &memory.Facts{})
		_, status := client.Status(t.Context(), anna(), "b1")
		_, list := client.List(t.Context(), anna(), domain.PlatformQuery{Limit: 1})
		_, check := client.Check(t.Context(), anna(), "b1", "nlp")
		for _, err := range []error{status, list, check} {
			e := domain.As(err)
			require.Equal(t, domain.Timeout, e.Code)
			require.Equal(t, map[string]any{"timeout_seconds": 0.05}, e.Details)
		}
		c.Timeout = time.Minute
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		_, err := newBatches(t, c, &memory.Facts{}).Status(ctx, anna(), "b1")
		cancel()
		require.Equal(t, domain.Timeout, domain.CodeOf(err), "the caller's deadline")
		left := domain.As(err).Details["timeout_seconds"]
		require.Greater(t, left, 0.0, "the time until the deadline")
		require.LessOrEqual(t, left, 0.05)
	}
}

func TestAStatusIsObservedWithoutItsBody(t *testing.T) {
	c := config(stalled(t, `{"a":`), "")
	c.Timeout = 50 * time.Millisecond
	observer := &memory.Facts{}
	_, err := newBatches(t, c, observer).Status(t.Context(), anna(), "b1")
	require.Error(t, err)
	require.Equal(t, http.StatusOK, recorded.FactsOf[domain.ServiceCalled](observer.All())[0].Status)
}

func TestACallerThatLeavesGetsItsOwnError(t *testing.T) {
	for _, begin := range []string{"", `{"a":`} {
		client := newBatches(t, config(stalled(t, begin), ""), &memory.Facts{})
		ctx, cancel := context.WithCancel(t.Context())
		timer := time.AfterFunc(20*time.Millisecond, cancel)
		_, err := client.Status(ctx, anna(), "b1")
		timer.Stop()
		require.ErrorIs(t, err, context.Canceled)
		_, ok := errors.AsType[*domain.Error](err)
		require.True(t, ok)
	}
}
