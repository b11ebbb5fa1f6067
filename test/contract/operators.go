package contract

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
)

// The part of MessageListener's suite about operators. Others may use the same
// technology, so there may be more of their words than ours.

func (h ListenerHarness) hearsOperators(t *testing.T) {
	rig, e := h.start(t)
	followed, stranger := freshUser(), freshUser()+" with a blank"
	require.NoError(t, rig.Listener.Follow(t.Context(), followed))
	rig.Send(followed, "x") // heard: so operators are
	e.messages(t, followed, 1)
	awaitOperator(t, rig, e, freshUser())
	for _, user := range []domain.UserID{followed, stranger} {
		rig.Disconnect(user)
		e.until(t, "the operator's word", func() bool { return slices.Contains(e.gone, user) })
		require.Equal(t, 1, e.told(user))
	}
	require.Equal(t, 1, e.count(followed), "it is no message")
	rig.Send(followed, "y") // it is still followed
	e.messages(t, followed, 2)
}

func (h ListenerHarness) hearsOperatorsAgain(t *testing.T) {
	rig, e := h.start(t)
	awaitOperator(t, rig, e, freshUser())
	rig.Break()
	rig.Mend()
	awaitOperator(t, rig, e, freshUser())
}

// awaitOperator repeats the word until it is heard: nothing says when a
// listener that follows nobody has begun to hear.
func awaitOperator(t *testing.T, rig ListenerRig, e *ear, user domain.UserID) {
	t.Helper()
	require.Eventually(t, func() bool {
		rig.Disconnect(user)
		return e.told(user) > 0
	}, patience, 20*time.Millisecond)
}

// told is how often an operator wanted the user gone.
func (e *ear) told(user domain.UserID) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	n := 0
	for _, gone := range e.gone {
		if gone == user {
			n++
		}
	}
	return n
}

// hearsChecks: a request to check connections reaches the handler for users who
// are followed and for those who are not, and is not taken for a message.
func (h ListenerHarness) hearsChecks(t *testing.T) {
	rig, e := h.start(t)
	awaitOperator(t, rig, e, freshUser()) // control channels are subscribed
	followed, other := freshUser(), freshUser()+" with a blank"
	require.NoError(t, rig.Listener.Follow(t.Context(), followed))
	for _, user := range []domain.UserID{followed, other} {
		rig.Check(user)
		e.until(t, "the request", func() bool { return slices.Contains(e.asked, user) })
		require.Zero(t, e.told(user), "it disconnects nobody")
	}
	rig.Send(followed, "x")
	require.Equal(t, []string{"x"}, e.messages(t, followed, 1))
}
