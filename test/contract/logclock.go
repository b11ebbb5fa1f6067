package contract

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
)

// survivesClockSteps: what follows a position is the same whichever way the clock
// of the technology went since.
func (h LogHarness) survivesClockSteps(t *testing.T) {
	for _, step := range []time.Duration{-30 * time.Second, 30 * time.Second} {
		t.Run(step.String(), func(t *testing.T) {
			rig, user := h.New(t, 256), freshUser()
			if rig.Step == nil {
				t.Skip("the clock cannot be moved")
			}
			rig.keep(t, user, 10)
			at, err := rig.Log.Last(t.Context(), user)
			require.NoError(t, err)
			rig.Step(step)
			require.Empty(t, rig.since(t, user, at).Entries)
			kept := rig.keep(t, user, 3)
			got := rig.since(t, user, at)
			require.True(t, got.Complete)
			requireEntries(t, kept, got.Entries)
			last, err := rig.Log.Last(t.Context(), user)
			require.NoError(t, err)
			require.Equal(t, kept[2].ID, last)
		})
	}
}

// lastOfMany: each caller gets the position of its own user's log.
func (h LogHarness) lastOfMany(t *testing.T) {
	rig := h.New(t, 256)
	want := map[domain.UserID]domain.Position{}
	for i := range 40 {
		user := freshUser()
		want[user] = domain.Start
		if kept := rig.keep(t, user, i%3); len(kept) > 0 {
			want[user] = kept[len(kept)-1].ID
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
