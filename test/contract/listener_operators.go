package contract

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
)

// The part of the MessageListener suite about operators. Other tests can use the same
// technology, so other requests may be delivered too.

func (h ListenerHarness) deliversOperatorRequests(t *testing.T) {
	rig, e := h.start(t)
	followed, unfollowed := freshUser(), freshUser()+" with a blank"
	require.NoError(t, rig.Listener.Follow(t.Context(), followed))
	rig.Send(followed, "x") // now the listener receives operator requests
	e.awaitMessages(t, followed, 1)
	awaitOperator(t, rig, e, freshUser())
	for _, user := range []domain.UserID{followed, unfollowed} {
		rig.Disconnect(user)
		e.await(t, "the operator's request", func() bool { return slices.Contains(e.disconnects, user) })
		require.Equal(t, 1, e.disconnectCount(user))
	}
	require.Equal(t, 1, e.messageCount(followed), "a request is not a message")
	rig.Send(followed, "y") // the user is still followed
	e.awaitMessages(t, followed, 2)
}

func (h ListenerHarness) deliversOperatorRequestsAfterOutage(t *testing.T) {
	rig, e := h.start(t)
	awaitOperator(t, rig, e, freshUser())
	rig.StartOutage()
	rig.EndOutage()
	awaitOperator(t, rig, e, freshUser())
}

// awaitOperator repeats the request until it is delivered, because there is no event
// for the start of a listener without users.
func awaitOperator(t *testing.T, rig ListenerRig, e *recordingHandler, user domain.UserID) {
	t.Helper()
	require.Eventually(t, func() bool {
		rig.Disconnect(user)
		return e.disconnectCount(user) > 0
	}, waitLimit, 20*time.Millisecond)
}

// disconnectCount returns how many disconnect requests for the user were delivered.
func (e *recordingHandler) disconnectCount(user domain.UserID) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	n := 0
	for _, disconnected := range e.disconnects {
		if disconnected == user {
			n++
		}
	}
	return n
}

// deliversCheckRequests checks that a request to check connections reaches the handler for
// followed and for other users, and that it is not delivered as a message.
func (h ListenerHarness) deliversCheckRequests(t *testing.T) {
	rig, e := h.start(t)
	awaitOperator(t, rig, e, freshUser()) // control channels are subscribed
	followed, unfollowed := freshUser(), freshUser()+" with a blank"
	require.NoError(t, rig.Listener.Follow(t.Context(), followed))
	for _, user := range []domain.UserID{followed, unfollowed} {
		rig.Check(user)
		e.await(t, "the request", func() bool { return slices.Contains(e.checks, user) })
		require.Zero(t, e.disconnectCount(user), "a check is not a disconnect request")
	}
	rig.Send(followed, "x")
	require.Equal(t, []string{"x"}, e.awaitMessages(t, followed, 1))
}
