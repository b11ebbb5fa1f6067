package kafka_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/kafka"
	"github.com/huleedu/edge/domain"
)

// awaitHealth waits until the publisher reports the condition with the note.
func awaitHealth(t *testing.T, p *kafka.Publisher, want domain.Condition, note string) {
	t.Helper()
	require.Eventually(t, func() bool {
		h := p.Health(t.Context())
		return h.Condition == want && h.Note == note
	}, 30*time.Second, 20*time.Millisecond, "want %s (%s)", want, note)
}

// TestPublisherHealthFollowsTheBrokers covers brokers that are unavailable at first, start,
// hang and continue, and a command that fails while the brokers respond.
func TestPublisherHealthFollowsTheBrokers(t *testing.T) {
	t.Parallel()
	const unavailable = "No broker answers; commands are refused"
	k := embedded(t, "commands")
	k.Disconnect()
	p := publisher(t, k.Addr(), time.Second, &facts{})
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		require.NoError(t, <-done)
	})
	awaitHealth(t, p, domain.Degraded, unavailable)
	require.Error(t, p.Health(t.Context()).Err)
	k.Resume()
	awaitHealth(t, p, domain.Healthy, "")
	k.Hang()
	awaitHealth(t, p, domain.Degraded, unavailable)
	k.Resume()
	awaitHealth(t, p, domain.Healthy, "")
	fault := k.FailWrites("commands")
	require.Error(t, p.Publish(t.Context(), command("commands", "b1")))
	require.Equal(t, "The last command could not be published", p.Health(t.Context()).Note)
	fault.Remove()
	require.NoError(t, p.Publish(t.Context(), command("commands", "b1")))
	require.Equal(t, domain.Healthy, p.Health(t.Context()).Condition)
}
