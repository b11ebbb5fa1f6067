package contract

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The part of the RateLimiter suite about outages.

const (
	// outageDetectionLimit limits the decision that detects the outage.
	outageDetectionLimit = 2 * time.Second
	// degradedLimit limits a decision after the outage is detected.
	degradedLimit = 50 * time.Millisecond
)

func (h LimiterHarness) decidesPerNodeDuringOutage(t *testing.T) {
	rig := h.New(t)
	one, two := rig.Node(), rig.Node()
	rig.StartOutage()
	t.Cleanup(rig.EndOutage)
	startedAt := time.Now()
	one.Take(t.Context(), freshParty(), limitOf(1))
	two.Take(t.Context(), freshParty(), limitOf(1))
	require.Less(t, time.Since(startedAt), outageDetectionLimit)
	rig.AwaitDegraded(true)
	party := freshParty()
	startedAt = time.Now()
	for range 3 {
		require.True(t, one.Take(t.Context(), party, limitOf(3)).Allowed)
		require.True(t, two.Take(t.Context(), party, limitOf(3)).Allowed)
	}
	require.False(t, one.Take(t.Context(), party, limitOf(3)).Allowed)
	require.False(t, two.Take(t.Context(), party, limitOf(3)).Allowed)
	require.Less(t, time.Since(startedAt), degradedLimit*8)
}

func (h LimiterHarness) countsTogetherAfterOutage(t *testing.T) {
	rig := h.New(t)
	one, two := rig.Node(), rig.Node()
	rig.StartOutage()
	one.Take(t.Context(), freshParty(), limitOf(1))
	two.Take(t.Context(), freshParty(), limitOf(1))
	rig.AwaitDegraded(true)
	rig.EndOutage()
	rig.AwaitDegraded(false)
	party := freshParty()
	require.True(t, one.Take(t.Context(), party, limitOf(2)).Allowed)
	require.True(t, two.Take(t.Context(), party, limitOf(2)).Allowed)
	require.False(t, one.Take(t.Context(), party, limitOf(2)).Allowed)
	require.False(t, two.Take(t.Context(), party, limitOf(2)).Allowed)
}
