package httpclient

import (
	"net/http"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
)

// TestErrorBodiesEndWithTheDeadline: the wait for the body of an error response does not
// extend the deadline of the call, and is shorter than that.
func TestErrorBodiesEndWithTheDeadline(t *testing.T) {
	for _, c := range []struct{ header, total time.Duration }{{9900 * time.Millisecond, 10 * time.Second}, {time.Second, 2 * time.Second}} {
		synctest.Test(t, func(t *testing.T) {
			e := newEnvironment(t, "batch_orchestrator")
			e.respondWith(func(*http.Request) string {
				time.Sleep(c.header)
				return "HTTP/1.1 400 Bad\r\nContent-Length: 9\r\n\r\npart"
			})
			b := withoutResponses(t, Config{
				ResultAggregatorURL: "http://service", OrchestratorURL: "http://service", Timeout: 10 * time.Second, MaxConcurrency: 8,
			})
			b.orchestrator.pool = e.pool(&url.URL{Scheme: "http", Host: "service"})
			started := time.Now()
			_, err := b.Register(t.Context(), domain.Caller{User: "anna"}, domain.Registration{})
			require.Error(t, err)
			require.Equal(t, c.total, time.Since(started))
		})
	}
}
