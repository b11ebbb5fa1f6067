package httpclient

import (
	"context"
	"io"
	"log/slog"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/huleedu/edge/domain"
)

type nobody struct{}

// Observe ignores everything.
func (nobody) Observe(domain.Fact) {}

// onDeafWire returns a client whose connections lead to somebody who reads and
// never answers. The pipes let the bubble's clock run.
func onDeafWire(t *testing.T, c Config) *Batches {
	t.Helper()
	b, err := NewBatches(c, KeyConfig{}, nobody{}, noop.NewTracerProvider(), slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	var readers sync.WaitGroup
	t.Cleanup(func() { b.Close(); readers.Wait() })
	for _, s := range b.services() {
		s.pool.dialContext = func(context.Context, string, string) (net.Conn, error) {
			near, far := net.Pipe()
			readers.Go(func() { _, _ = io.Copy(io.Discard, far) })
			return near, nil
		}
	}
	return b
}

func TestLimitsOfEachCall(t *testing.T) {
	for _, c := range []struct{ timeout, list, check time.Duration }{
		{30 * time.Second, 30 * time.Second, 10 * time.Second},
		{3 * time.Second, 3 * time.Second, 3 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			b := onDeafWire(t, Config{
				ResultAggregatorURL: "http://aggregator", OrchestratorURL: "http://orchestrator",
				Timeout: c.timeout, ConnectTimeout: time.Second,
				MaxConcurrency: 8, CircuitBreakerEnabled: true, FailureThreshold: 5, RecoveryTimeout: time.Minute, SuccessThreshold: 2,
			})
			caller := domain.Caller{User: "anna"}
			began := time.Now()
			_, err := b.List(t.Context(), caller, domain.PlatformQuery{Limit: 1})
			requireTimeout(t, err, c.list, time.Since(began))

			began = time.Now()
			_, err = b.Check(t.Context(), caller, "b1", "nlp")
			requireTimeout(t, err, c.check, time.Since(began))

			began = time.Now()
			_, err = b.Register(t.Context(), caller, domain.Registration{})
			requireTimeout(t, err, c.list, time.Since(began))
		})
	}
}

func requireTimeout(t *testing.T, err error, limit, took time.Duration) {
	t.Helper()
	e := domain.As(err)
	require.Equal(t, domain.Timeout, e.Code, err)
	require.Equal(t, map[string]any{"timeout_seconds": limit.Seconds()}, e.Details)
	require.Equal(t, limit, took)
}
