package contract

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
)

// The part of the MessageListener suite about outages.

func (h ListenerHarness) failsDuringOutage(t *testing.T) {
	rig, e := h.start(t)
	require.NoError(t, rig.Listener.Follow(t.Context(), freshUser()))
	rig.StartOutage()
	user := freshUser()
	requireFailure(t, rig.Listener.Follow(t.Context(), user), domain.ConnectionError)
	startedAt := time.Now()
	requireFailure(t, rig.Listener.Follow(t.Context(), user), domain.ConnectionError)
	require.Less(t, time.Since(startedAt), time.Second, "the listener has detected the outage")
	rig.EndOutage()
	h.followSoon(t, rig, user)
	rig.Listener.Unfollow(user)
	rig.Listener.Unfollow(user) // failed calls are not counted
	rig.Send(user, "x")
	witness := freshUser()
	h.followSoon(t, rig, witness)
	rig.Send(witness, "end")
	e.awaitMessages(t, witness, 1)
	require.LessOrEqual(t, e.messageCount(user), 1)
}

func (h ListenerHarness) reportsGap(t *testing.T) {
	rig, e := h.start(t)
	users := make([]domain.UserID, 300)
	for i := range users {
		users[i] = freshUser()
		require.NoError(t, rig.Listener.Follow(t.Context(), users[i]))
	}
	lived := time.Now()
	rig.Send(users[0], "before")
	e.awaitMessages(t, users[0], 1)
	for round := 1; round <= 2; round++ {
		rig.StartOutage()
		broke := time.Now()
		rig.EndOutage()
		e.await(t, "a gap for every user", func() bool {
			reported := 0
			for _, g := range e.gaps {
				reported += len(g.Users)
			}
			return reported >= round*len(users)
		})
		gaps := e.awaitGaps(t)
		last := gaps[len(gaps)-1]
		require.False(t, last.Since.After(broke.Add(time.Millisecond)), "Since must not be after the start of the outage")
		require.False(t, last.Since.Before(lived.Add(-waitLimit)))
		lived = broke
		for _, user := range users {
			n := e.messageCount(user)
			rig.Send(user, "after")
			require.Equal(t, "after", e.awaitMessages(t, user, n+1)[n], "messages published after Missed must be delivered")
		}
	}
	reported := map[domain.UserID]int{}
	for _, g := range e.awaitGaps(t) {
		for _, user := range g.Users {
			reported[user]++
		}
	}
	for _, user := range users {
		require.Equal(t, 2, reported[user], "each outage is reported once")
	}
}

func (h ListenerHarness) reportsGapOfFollowed(t *testing.T) {
	rig, e := h.start(t)
	stays, unfollowed, leaves := freshUser(), freshUser(), freshUser()
	for _, user := range []domain.UserID{stays, unfollowed, leaves} {
		require.NoError(t, rig.Listener.Follow(t.Context(), user))
	}
	rig.Listener.Unfollow(unfollowed)
	rig.StartOutage()
	rig.Listener.Unfollow(leaves)
	rig.EndOutage()
	e.awaitGaps(t, stays)
	h.followSoon(t, rig, leaves)
	for _, g := range e.awaitGaps(t) {
		require.NotContains(t, g.Users, unfollowed)
		require.NotContains(t, g.Users, leaves)
	}
	rig.Send(leaves, "x")
	e.awaitMessages(t, leaves, 1)
}

func (h ListenerHarness) followsAfterOutage(t *testing.T) {
	rig, e := h.New(t), newRecordingHandler()
	rig.StartOutage()
	runListener(t, rig.Listener, e)
	requireFailure(t, rig.Listener.Follow(t.Context(), freshUser()), domain.ConnectionError)
	rig.EndOutage()
	user := freshUser()
	h.followSoon(t, rig, user)
	rig.Send(user, "x")
	require.Equal(t, []string{"x"}, e.awaitMessages(t, user, 1))
	require.Empty(t, e.awaitGaps(t), "users who were not followed have no gap")
}

// followSoon retries Follow like a reconnecting client.
func (h ListenerHarness) followSoon(t testing.TB, rig ListenerRig, user domain.UserID) {
	t.Helper()
	require.Eventually(t, func() bool {
		return rig.Listener.Follow(t.Context(), user) == nil
	}, waitLimit, 50*time.Millisecond)
}
