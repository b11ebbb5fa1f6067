package httpserver_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/httpserver"
	"github.com/huleedu/edge/adapters/memory"
	"github.com/huleedu/edge/app"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// largeStatus is a platform with a large status document.
type largeStatus struct {
	*memory.Platform
	document []byte
}

func (l *largeStatus) Status(context.Context, domain.Caller, domain.BatchID) (domain.BatchReport, error) {
	return domain.BatchReport{Owner: "u1", Overall: "ready", Document: l.document}, nil
}

// TestSlowReadersGetTheWholeAnswer reads a buffered answer more slowly than the answer
// timeout.
func TestSlowReadersGetTheWholeAnswer(t *testing.T) {
	t.Parallel()
	document := append(append([]byte(`{"a":"`), bytes.Repeat([]byte("x"), 32<<20)...), `"}`...)
	w := newEnvironment(t, func(w *environment, p *httpserver.GatewayParts) {
		*p = w.parts(&largeStatus{document: document})
		p.Config.AnswerTimeout = 3 * step
	})
	conn := dial(t, w.Addr(), "")
	require.NoError(t, conn.SetReadBuffer(16<<10))
	conn.send(statusRequest)
	writeSlowly(io.Discard, 6, "") // the client reads nothing meanwhile
	require.Len(t, conn.read().body, len(`{"status":"ready","details":}`)+len(document))
}

// largeAnswers is a client of a platform whose answers hold 100 MiB each.
type largeAnswers struct {
	ports.BatchStatusClient
	reached, release chan struct{}
}

func (h *largeAnswers) Status(ctx context.Context, caller domain.Caller, id domain.BatchID) (domain.BatchReport, error) {
	if !domain.MemoryOf(ctx).Grow(100 << 20) {
		return domain.BatchReport{}, domain.Unavailable("result_aggregator", 0)
	}
	if id == "waits" {
		close(h.reached)
		<-h.release
	}
	return domain.BatchReport{Owner: caller.User, Overall: "ready", Document: []byte(`{}`)}, nil
}

// TestMemoryBudgetIsReleased checks that requests share 128 MiB, and that a written answer
// returns its part.
func TestMemoryBudgetIsReleased(t *testing.T) {
	t.Parallel()
	h := &largeAnswers{reached: make(chan struct{}), release: make(chan struct{})}
	w := newEnvironment(t, with(func(p *httpserver.GatewayParts) { p.Batches = app.NewBatches(h, p.Log) }))
	get := func(id string) int {
		return call(t, http.MethodGet, w.base+"/v1/batches/"+id+"/status", "", bearer).StatusCode
	}
	for range 3 {
		require.Equal(t, 200, get("b1"))
	}
	waiting := make(chan int, 1)
	go func() { waiting <- get("waits") }()
	<-h.reached
	require.Equal(t, 503, get("b1"))
	close(h.release)
	require.Equal(t, 200, <-waiting)
	require.Equal(t, 200, get("b1"))
}
