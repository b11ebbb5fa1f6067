package httpserver_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/httpserver"
	"github.com/huleedu/edge/app"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// hungry is a client of a platform whose every answer holds 100 MiB.
type hungry struct {
	ports.BatchStatusClient
	entered, leave chan struct{}
}

func (h *hungry) Status(ctx context.Context, caller domain.Caller, id domain.BatchID) (domain.BatchReport, error) {
	if !domain.MemoryOf(ctx).Grow(100 << 20) {
		return domain.BatchReport{}, domain.Unavailable("result_aggregator", 0)
	}
	if id == "waits" {
		close(h.entered)
		<-h.leave
	}
	return domain.BatchReport{Owner: caller.User, Overall: "ready", Document: []byte(`{}`)}, nil
}

// TestHeldAnswersAreGivenBack: requests share 128 MiB, and an answer that was
// written makes room for the next.
func TestHeldAnswersAreGivenBack(t *testing.T) {
	t.Parallel()
	h := &hungry{entered: make(chan struct{}), leave: make(chan struct{})}
	w := newWorld(t, func(_ *world, p *httpserver.GatewayParts) { p.Batches = app.NewBatches(h, p.Log) })
	get := func(id string) int {
		return call(t, http.MethodGet, w.base+"/v1/batches/"+id+"/status", "", bearer).StatusCode
	}
	for range 3 {
		require.Equal(t, 200, get("b1"))
	}
	waiting := make(chan int, 1)
	go func() { waiting <- get("waits") }()
	<-h.entered
	require.Equal(t, 503, get("b1"))
	close(h.leave)
	require.Equal(t, 200, <-waiting)
	require.Equal(t, 200, get("b1"))
}
