package contract

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
)

// survivesClockSteps checks that the entries after a position do not depend on steps of the
// technology's clock, forwards or backwards.
func (h LogHarness) survivesClockSteps(t *testing.T) {
	for _, step := range []time.Duration{-30 * time.Second, 30 * time.Second} {
		t.Run(step.String(), func(t *testing.T) {
			rig, user := h.New(t, 256), freshUser()
			if rig.Step == nil {
				t.Skip("this technology's clock cannot be set")
			}
			rig.publish(t, user, 10)
			at, err := rig.Log.Last(t.Context(), user)
			require.NoError(t, err)
			rig.Step(step)
			require.Empty(t, rig.since(t, user, at).Entries)
			published := rig.publish(t, user, 3)
			got := rig.since(t, user, at)
			require.True(t, got.Complete)
			requireEntries(t, published, got.Entries)
			last, err := rig.Log.Last(t.Context(), user)
			require.NoError(t, err)
			require.Equal(t, published[2].ID, last)
		})
	}
}

// lastOfMany checks that each concurrent caller receives the position of its own user's log.
func (h LogHarness) lastOfMany(t *testing.T) {
	rig := h.New(t, 256)
	want := map[domain.UserID]domain.Position{}
	for i := range 40 {
		user := freshUser()
		want[user] = domain.PositionStart
		if published := rig.publish(t, user, i%3); len(published) > 0 {
			want[user] = published[len(published)-1].ID
		}
	}
	var group sync.WaitGroup
	for user, position := range want {
		group.Go(func() {
			if at, err := rig.Log.Last(t.Context(), user); err != nil || at != position {
				t.Errorf("%s: %v, want %s", at, err, position)
			}
		})
	}
	group.Wait()
}
