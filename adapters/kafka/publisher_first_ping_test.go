package kafka

import (
	"context"
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
)

// failingDialer returns a dialer that fails after the duration.
func failingDialer(d time.Duration) *kafkago.Dialer {
	return &kafkago.Dialer{DialFunc: func(ctx context.Context, _, _ string) (net.Conn, error) {
		select {
		case <-time.After(d):
			return nil, errors.New("refused")
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}}
}

// TestHealthWaitsForTheFirstPing checks that health waits for the first health check of the
// brokers, but at most for a second, and not after its context is done.
func TestHealthWaitsForTheFirstPing(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		// dial is the time until the connection fails, and limit the timeout of ctx.
		dial, limit, waits time.Duration
		note               string
	}{
		"the ping fails":   {300 * time.Millisecond, time.Minute, 300 * time.Millisecond, "No broker answers; commands are refused"},
		"the ping is slow": {1100 * time.Millisecond, time.Minute, time.Second, "No answer yet"},
		"ctx is done":      {300 * time.Millisecond, 200 * time.Millisecond, 200 * time.Millisecond, "No answer yet"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				h := newBrokerHealth(failingDialer(c.dial), []string{"broker:9092"})
				go h.run(t.Context())
				ctx, cancel := context.WithTimeout(t.Context(), c.limit)
				defer cancel()
				start := time.Now()
				got := h.health(ctx)
				require.Equal(t, c.waits, time.Since(start))
				require.Equal(t, domain.Degraded, got.Condition)
				require.Equal(t, c.note, got.Note)
			})
		})
	}
}

// TestHealthIsHealthyAfterTheFirstPing checks that waiting callers get the result of the first
// ping, and that later callers do not wait.
func TestHealthIsHealthyAfterTheFirstPing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newBrokerHealth(nil, nil)
		const after = 900 * time.Millisecond
		time.AfterFunc(after, func() { h.recordPing(nil) })
		start := time.Now()
		for range 2 {
			require.Equal(t, domain.Health{Name: "kafka", Condition: domain.Healthy}, h.health(t.Context()))
			require.Equal(t, after, time.Since(start))
		}
		h.recordPing(errors.New("gone"))
		require.Equal(t, domain.Degraded, h.health(t.Context()).Condition)
		require.Equal(t, after, time.Since(start))
	})
}
