package httpclient

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/url"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/huleedu/edge/adapters/httpclient/transport"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/recorded"
)

// withoutResponses returns a client whose services read requests and never respond, on
// in-memory connections.
func withoutResponses(t *testing.T, c Config) *PlatformClient {
	t.Helper()
	b, err := NewBatches(c, KeyConfig{}, recorded.NoFacts{}, noop.NewTracerProvider(), slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	var readers sync.WaitGroup
	t.Cleanup(func() { b.Close(); readers.Wait() })
	for _, s := range b.services() {
		s.pool = transport.New(&url.URL{Scheme: "http", Host: "service"}, transport.Config{
			Dial: func(context.Context, string, string) (net.Conn, error) {
				near, far := net.Pipe()
				readers.Go(func() { _, _ = io.Copy(io.Discard, far) })
				return near, nil
			},
		})
	}
	return b
}

func TestEachCallHasItsTimeout(t *testing.T) {
	for _, c := range []struct{ timeout, list, check time.Duration }{
		{30 * time.Second, 30 * time.Second, 10 * time.Second},
		{3 * time.Second, 3 * time.Second, 3 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			b := withoutResponses(t, Config{
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
