package httpclient_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/memory"
	"github.com/huleedu/edge/domain"
)

func TestHealthNamesServicesThatDoNotRespond(t *testing.T) {
	up, down := serve(t, 404, ``), serve(t, 503, ``)
	closed := serve(t, 200, ``)
	closed.Close()
	for _, c := range []struct {
		aggregator, orchestrator string
		want                     domain.Condition
		note                     string
	}{
		{up.URL, up.URL, domain.Healthy, "All services answer"},
		{up.URL, "", domain.Healthy, "All services answer"},
		{up.URL, down.URL, domain.Degraded, "No answer from batch_orchestrator"},
		{closed.URL, up.URL, domain.Degraded, "No answer from result_aggregator"},
		{closed.URL, down.URL, domain.Unhealthy, "No answer from result_aggregator, batch_orchestrator"},
		{closed.URL, "", domain.Unhealthy, "No answer from result_aggregator"},
	} {
		h := newBatches(t, config(c.aggregator, c.orchestrator), &memory.Facts{}).Health(t.Context())
		require.Equal(t, "downstream_services", h.Name)
		require.Equal(t, c.want, h.Condition)
		require.Equal(t, c.note, h.Note)
		require.Equal(t, c.want != domain.Healthy, h.Err != nil)
	}
	require.Empty(t, up.lastRequest().Header.Get("X-Internal-Api-Key"), "the health page needs no key")
}

func TestHealthIsBoundedInTime(t *testing.T) {
	client := newBatches(t, config(stalled(t, ""), stalled(t, "")), &memory.Facts{})
	began := time.Now()
	require.Equal(t, domain.Unhealthy, client.Health(t.Context()).Condition)
	require.Less(t, time.Since(began), 3*time.Second)
}

func TestHealthIgnoresACallerThatLeft(t *testing.T) {
	client := newBatches(t, config(serve(t, 200, ``).URL, ""), &memory.Facts{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.Equal(t, domain.Healthy, client.Health(ctx).Condition)
}

func TestHealthIsCachedForASecond(t *testing.T) {
	s := serve(t, 200, ``)
	client := newBatches(t, config(s.URL, ""), &memory.Facts{})
	require.Equal(t, domain.Healthy, client.Health(t.Context()).Condition)
	s.reset()
	require.Equal(t, domain.Healthy, client.Health(t.Context()).Condition)
	require.Nil(t, s.lastRequest())
}

func TestHealthIsCheckedAgainAfterASecond(t *testing.T) {
	// Nothing listens at this address: only the clock changes.
	synctest.Test(t, func(t *testing.T) {
		client := newBatches(t, config("http://127.0.0.1:1", ""), &memory.Facts{})
		first := client.Health(t.Context()).Err
		require.Same(t, first, client.Health(t.Context()).Err)
		time.Sleep(1100 * time.Millisecond)
		require.NotSame(t, first, client.Health(t.Context()).Err)
	})
}
