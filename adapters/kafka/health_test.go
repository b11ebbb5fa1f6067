package kafka_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/kafka"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/background"
)

// TestConsumerHealthReportsChanges checks that the consumer is degraded at start, that each
// change is reported once, and that an error expires.
func TestConsumerHealthReportsChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reported := &facts{}
		h := kafka.NewConsumerHealth(reported)
		require.Equal(t, []bool{true}, reported.degraded())
		h.SetUnassigned(errUnavailable)
		h.Refresh()
		require.Equal(t, []bool{true}, reported.degraded(), "no change")
		h.SetAssigned()
		h.Refresh()
		require.Equal(t, []bool{true, false}, reported.degraded())

		h.SetLag(0, time.Hour)
		h.Refresh()
		require.Equal(t, []bool{true, false}, reported.degraded(), "lag is not degraded")
		h.SetError(1, errUnavailable)
		h.Refresh()
		time.Sleep(kafka.StatusTTL)
		h.Refresh()
		require.Equal(t, []bool{true, false, true}, reported.degraded())
		time.Sleep(time.Millisecond)
		h.Refresh()
		require.Equal(t, []bool{true, false, true, false}, reported.degraded(), "the error has expired")

		h.SetUnassigned(nil)
		require.Equal(t, []bool{true, false, true, false, true}, reported.degraded(), "between two assignments")
	})
}

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
	background.Run(t, p.Run)
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
