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

// refusesAfter dials brokers that take so long to refuse.
func refusesAfter(d time.Duration) *kafkago.Dialer {
	return &kafkago.Dialer{DialFunc: func(ctx context.Context, _, _ string) (net.Conn, error) {
		select {
		case <-time.After(d):
			return nil, errors.New("refused")
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}}
}

// TestHealthWaitsForTheFirstAnswer: who asks before it is known whether brokers
// answer waits for that, but neither longer than a second nor than they wish.
func TestHealthWaitsForTheFirstAnswer(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		// dial is when the brokers' answer, a refusal, comes.
		dial, wish, waits time.Duration
		note              string
	}{
		"it comes":         {300 * time.Millisecond, time.Minute, 300 * time.Millisecond, "No broker answers; commands are refused"},
		"it takes long":    {1100 * time.Millisecond, time.Minute, time.Second, "No answer yet"},
		"the asker leaves": {300 * time.Millisecond, 200 * time.Millisecond, 200 * time.Millisecond, "No answer yet"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := newBrokerHealth(refusesAfter(c.dial), []string{"broker:9092"})
				go p.run(t.Context())
				ctx, cancel := context.WithTimeout(t.Context(), c.wish)
				defer cancel()
				began := time.Now()
				h := p.health(ctx)
				require.Equal(t, c.waits, time.Since(began))
				require.Equal(t, domain.Degraded, h.Condition)
				require.Equal(t, c.note, h.Note)
			})
		})
	}
}

// TestHealthIsGoodWithTheFirstAnswer: those who wait are told what it says, and
// nobody waits behind it.
func TestHealthIsGoodWithTheFirstAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newBrokerHealth(nil, nil)
		const after = 900 * time.Millisecond
		time.AfterFunc(after, func() { p.setAnswer(nil) })
		began := time.Now()
		for range 2 {
			require.Equal(t, domain.Health{Name: "kafka", Condition: domain.Healthy}, p.health(t.Context()))
			require.Equal(t, after, time.Since(began))
		}
		p.setAnswer(errors.New("gone"))
		require.Equal(t, domain.Degraded, p.health(t.Context()).Condition)
		require.Equal(t, after, time.Since(began))
	})
}
