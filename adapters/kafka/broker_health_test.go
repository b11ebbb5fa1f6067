package kafka_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/kafka"
	"github.com/huleedu/edge/domain"
)

// awaitPulse returns once the publisher says so of its brokers.
func awaitPulse(t *testing.T, p *kafka.Publisher, want domain.Condition, note string) {
	t.Helper()
	require.Eventually(t, func() bool {
		h := p.Health(t.Context())
		return h.Condition == want && h.Note == note
	}, 30*time.Second, 20*time.Millisecond, "want %s (%s)", want, note)
}

// TestPublisherTellsHowKafkaDoes: brokers that are away at start, come, hang,
// are cut off and come back; a command that is refused while they answer.
func TestPublisherTellsHowKafkaDoes(t *testing.T) {
	t.Parallel()
	const away = "No broker answers; commands are refused"
	k := embedded(t, "commands")
	k.Disconnect()
	p := publisher(t, k.Addr(), time.Second, &facts{})
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		require.NoError(t, <-ended)
	})
	awaitPulse(t, p, domain.Degraded, away)
	require.Error(t, p.Health(t.Context()).Err)
	k.Resume()
	awaitPulse(t, p, domain.Healthy, "")
	k.Hang()
	awaitPulse(t, p, domain.Degraded, away)
	k.Resume()
	awaitPulse(t, p, domain.Healthy, "")
	refusal := k.FailWrites("commands")
	require.Error(t, p.Publish(t.Context(), command("commands", "b1")))
	require.Equal(t, "The last command could not be published", p.Health(t.Context()).Note)
	refusal.Remove()
	require.NoError(t, p.Publish(t.Context(), command("commands", "b1")))
	require.Equal(t, domain.Healthy, p.Health(t.Context()).Condition)
}
