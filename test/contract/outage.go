package contract

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
)

// The part of MessageListener's suite that takes the technology away.

func (h ListenerHarness) refusesWhileAway(t *testing.T) {
	rig, e := h.start(t)
	require.NoError(t, rig.Listener.Follow(t.Context(), freshUser()))
	rig.Break()
	user := freshUser()
	requireFailure(t, rig.Listener.Follow(t.Context(), user), domain.ConnectionError)
	began := time.Now()
	requireFailure(t, rig.Listener.Follow(t.Context(), user), domain.ConnectionError)
	require.Less(t, time.Since(began), time.Second, "it is known to be away by now")
	rig.Mend()
	h.followSoon(t, rig, user)
	rig.Listener.Unfollow(user)
	rig.Listener.Unfollow(user) // the refused ones were not counted
	rig.Send(user, "x")
	witness := freshUser()
	h.followSoon(t, rig, witness)
	rig.Send(witness, "end")
	e.messages(t, witness, 1)
	require.LessOrEqual(t, e.count(user), 1)
}

func (h ListenerHarness) tellsGap(t *testing.T) {
	rig, e := h.start(t)
	users := make([]domain.UserID, 300)
	for i := range users {
		users[i] = freshUser()
		require.NoError(t, rig.Listener.Follow(t.Context(), users[i]))
	}
	lived := time.Now()
	rig.Send(users[0], "before")
	e.messages(t, users[0], 1)
	for round := 1; round <= 2; round++ {
		rig.Break()
		broke := time.Now()
		rig.Mend()
		e.until(t, "every user told of the gap", func() bool {
			told := 0
			for _, g := range e.gaps {
				told += len(g.Users)
			}
			return told >= round*len(users)
		})
		gaps := e.missed(t)
		last := gaps[len(gaps)-1]
		require.False(t, last.Since.After(broke.Add(time.Millisecond)), "nothing was heard after the break")
		require.False(t, last.Since.Before(lived.Add(-patience)))
		lived = broke
		for _, user := range users {
			n := e.count(user)
			rig.Send(user, "after")
			require.Equal(t, "after", e.messages(t, user, n+1)[n], "everything published after Missed arrives")
		}
	}
	told := map[domain.UserID]int{}
	for _, g := range e.missed(t) {
		for _, user := range g.Users {
			told[user]++
		}
	}
	for _, user := range users {
		require.Equal(t, 2, told[user], "each break is told once")
	}
}

func (h ListenerHarness) tellsOnlyFollowers(t *testing.T) {
	rig, e := h.start(t)
	stays, gone, leaves := freshUser(), freshUser(), freshUser()
	for _, user := range []domain.UserID{stays, gone, leaves} {
		require.NoError(t, rig.Listener.Follow(t.Context(), user))
	}
	rig.Listener.Unfollow(gone)
	rig.Break()
	rig.Listener.Unfollow(leaves)
	rig.Mend()
	e.missed(t, stays)
	h.followSoon(t, rig, leaves)
	for _, g := range e.missed(t) {
		require.NotContains(t, g.Users, gone)
		require.NotContains(t, g.Users, leaves)
	}
	rig.Send(leaves, "x")
	e.messages(t, leaves, 1)
}

func (h ListenerHarness) followsAfterwards(t *testing.T) {
	rig, e := h.New(t), newEar()
	rig.Break()
	listen(t, rig.Listener, e)
	requireFailure(t, rig.Listener.Follow(t.Context(), freshUser()), domain.ConnectionError)
	rig.Mend()
	user := freshUser()
	h.followSoon(t, rig, user)
	rig.Send(user, "x")
	require.Equal(t, []string{"x"}, e.messages(t, user, 1))
	require.Empty(t, e.missed(t), "who was never followed has missed nothing")
}

// followSoon follows as a client does that comes back again and again.
func (h ListenerHarness) followSoon(t testing.TB, rig ListenerRig, user domain.UserID) {
	t.Helper()
	require.Eventually(t, func() bool {
		return rig.Listener.Follow(t.Context(), user) == nil
	}, patience, 50*time.Millisecond)
}
