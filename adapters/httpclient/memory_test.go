package httpclient_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/memory"
	"github.com/huleedu/edge/domain"
)

// TestResponsesShareTheMemoryBudget: a response that does not fit is SERVICE_UNAVAILABLE, whether
// its length is announced or not. It is not a failure for the circuit.
func TestResponsesShareTheMemoryBudget(t *testing.T) {
	body := `{"user_id":"teacher-anna","x":"` + strings.Repeat("x", 1<<20) + `"}`
	for _, announced := range []bool{true, false} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if !announced {
				_ = http.NewResponseController(w).Flush()
			}
			_, _ = w.Write([]byte(body))
		}))
		t.Cleanup(server.Close)
		client := newBatches(t, config(server.URL, server.URL), &memory.Facts{})
		budget := domain.NewMemoryBudget(5 << 20)
		first := budget.Lease()
		_, err := client.Status(domain.WithMemory(t.Context(), first), anna(), "b1")
		require.NoError(t, err)
		require.GreaterOrEqual(t, budget.InUse(), int64(2*len(body)), "the response and its copy")
		require.True(t, budget.Lease().Grow(5<<20-budget.InUse()-100_000))
		for range 10 {
			second := budget.Lease()
			_, err = client.Status(domain.WithMemory(t.Context(), second), anna(), "b1")
			e := domain.As(err)
			require.Equal(t, domain.ServiceUnavailable, e.Code)
			require.Equal(t, map[string]any{"unavailable_service": "result_aggregator"}, e.Details)
			second.Release()
		}
		first.Release()
		second := budget.Lease()
		_, err = client.Status(domain.WithMemory(t.Context(), second), anna(), "b1")
		require.NoError(t, err, "the circuit is closed")
		second.Release()
	}
}

// TestSmallResponsesTakeLittleMemory: the size that arrived counts, not the maximum.
func TestSmallResponsesTakeLittleMemory(t *testing.T) {
	s := serve(t, 200, `{"user_id":"teacher-anna"}`)
	budget := domain.NewMemoryBudget(100_000)
	lease := budget.Lease()
	_, err := s.client(t).Status(domain.WithMemory(t.Context(), lease), anna(), "b1")
	require.NoError(t, err)
	require.Less(t, budget.InUse(), int64(40_000))
}
