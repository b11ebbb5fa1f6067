package contract

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// ListenerHarness brings an adapter of ports.MessageListener to its suite.
type ListenerHarness struct {
	// New returns a listener that does not run yet, over a technology that is
	// up; t.Cleanup ends what was started. A lingering subscription should
	// linger for less than a second.
	New func(t testing.TB) ListenerRig
	// Can says what the technology is able to do.
	Can ListenerAbilities
}

// ListenerAbilities says what a technology is able to do.
type ListenerAbilities struct {
	// Break: it can be taken away and brought back.
	Break bool
}

// ListenerRig is one listener and the world around it.
type ListenerRig struct {
	Listener ports.MessageListener
	// Send publishes for a user, as another service does, in the order given;
	// it returns once the technology has taken the messages.
	Send func(user domain.UserID, payloads ...string)
	// Disconnect says as an operator does that the user must go.
	Disconnect func(user domain.UserID)
	// Check says as a node does that the user's connections are to be checked.
	Check func(user domain.UserID)
	// Break takes the technology away, Mend brings it back; with Can.Break.
	Break, Mend func()
}

// MessageListener holds an adapter to the words of ports.MessageListener.
func MessageListener(t *testing.T, h ListenerHarness) {
	t.Run("what is published after Follow arrives", h.delivers)
	t.Run("a payload arrives as it was published", h.deliversVerbatim)
	t.Run("the messages of one user keep their order", h.keepsOrder)
	t.Run("each message once per process", h.deliversOnce)
	t.Run("only those who are followed", h.leavesOthersAlone)
	t.Run("Follow is counted", h.counts)
	t.Run("coming back is seamless", h.comesBack)
	t.Run("an operator is heard", h.hearsOperators)
	t.Run("a request to check a user's connections is heard", h.hearsChecks)
	t.Run("any number of callers", h.servesManyCallers)
	t.Run("many callers for one user", h.servesManyForOne)
	t.Run("Follow before Run waits or succeeds", h.followsBeforeRun)
	t.Run("a done context ends Follow", h.endsWithContext)
	t.Run("Run ends with its context", h.endsRun)
	t.Run("Run is called once", h.runsOnce)
	if !h.Can.Break {
		return
	}
	t.Run("away: Follow is refused at once", h.refusesWhileAway)
	t.Run("away: every subscription comes back and the gap is told", h.tellsGap)
	t.Run("away: the gap is of those still followed", h.tellsOnlyFollowers)
	t.Run("away: an operator is heard afterwards", h.hearsOperatorsAgain)
	t.Run("away: followed only after it is back", h.followsAfterwards)
}

func (h ListenerHarness) start(t testing.TB) (ListenerRig, *ear) {
	t.Helper()
	rig, e := h.New(t), newEar()
	listen(t, rig.Listener, e)
	return rig, e
}

func (h ListenerHarness) delivers(t *testing.T) {
	rig, e := h.start(t)
	for i := range 20 {
		user := freshUser()
		require.NoError(t, rig.Listener.Follow(t.Context(), user))
		text := fmt.Sprintf(`{"event":"e","data":{"n":%d}}`, i)
		rig.Send(user, text)
		require.Equal(t, []string{text}, e.messages(t, user, 1))
	}
}

func (h ListenerHarness) deliversVerbatim(t *testing.T) {
	rig, e := h.start(t)
	for _, user := range []domain.UserID{freshUser(), freshUser() + " with blanks", freshUser() + "/:{}*?[]\\", freshUser() + "-Łódź-中文"} {
		require.NoError(t, rig.Listener.Follow(t.Context(), user))
		want := []string{"", "x", " ", "\x00\xff\r\n+OK\r\n", "żółw 🐢", strings.Repeat("a", 200_000)}
		rig.Send(user, want...)
		require.Equal(t, want, e.messages(t, user, len(want)))
	}
}

func (h ListenerHarness) keepsOrder(t *testing.T) {
	rig, e := h.start(t)
	want := make([]string, 500)
	for i := range want {
		want[i] = fmt.Sprint(i)
	}
	users := []domain.UserID{freshUser(), freshUser(), freshUser(), freshUser()}
	var group sync.WaitGroup
	for _, user := range users {
		require.NoError(t, rig.Listener.Follow(t.Context(), user))
		group.Go(func() { rig.Send(user, want...) })
	}
	group.Wait()
	for _, user := range users {
		require.Equal(t, want, e.messages(t, user, len(want)))
	}
	require.False(t, e.twice, "a user's messages come one at a time")
}

func (h ListenerHarness) deliversOnce(t *testing.T) {
	rig, e := h.start(t)
	user := freshUser()
	for range 5 {
		require.NoError(t, rig.Listener.Follow(t.Context(), user))
	}
	rig.Send(user, "once", "end")
	require.Equal(t, []string{"once", "end"}, e.messages(t, user, 2))
}

func (h ListenerHarness) leavesOthersAlone(t *testing.T) {
	rig, e := h.start(t)
	user := freshUser()
	near := []domain.UserID{user + "x", user[:len(user)-1], "*", user + "*"}
	require.NoError(t, rig.Listener.Follow(t.Context(), user))
	for _, other := range near {
		rig.Send(other, "not for us")
	}
	rig.Send(user, "end")
	e.messages(t, user, 1)
	for _, other := range near {
		require.Zero(t, e.count(other))
	}
}

func (h ListenerHarness) counts(t *testing.T) {
	rig, e := h.start(t)
	user, witness := freshUser(), freshUser()
	require.NoError(t, rig.Listener.Follow(t.Context(), witness))
	require.NoError(t, rig.Listener.Follow(t.Context(), user))
	require.NoError(t, rig.Listener.Follow(t.Context(), user))
	rig.Listener.Unfollow(user)
	rig.Send(user, "still there")
	e.messages(t, user, 1)

	rig.Listener.Unfollow(user)
	rig.Listener.Unfollow(user) // one too many counts for nothing
	n := 0
	require.Eventually(t, func() bool {
		before := e.count(user)
		rig.Send(user, "too late")
		rig.Send(witness, "end")
		n++
		e.messages(t, witness, n)
		return e.count(user) == before
	}, patience, 20*time.Millisecond, "messages may come for a moment, not for ever")

	require.NoError(t, rig.Listener.Follow(t.Context(), user))
	rig.Send(user, "again")
	e.until(t, "followed again", func() bool { return slices.Contains(e.heard[user], "again") })
}

func (h ListenerHarness) comesBack(t *testing.T) {
	rig, e := h.start(t)
	user := freshUser()
	for i := range 100 {
		require.NoError(t, rig.Listener.Follow(t.Context(), user))
		rig.Send(user, fmt.Sprint(i))
		require.Equal(t, fmt.Sprint(i), e.messages(t, user, i+1)[i])
		rig.Listener.Unfollow(user)
	}
	require.Len(t, e.messages(t, user, 100), 100)
}

func (h ListenerHarness) servesManyCallers(t *testing.T) {
	rig, e := h.start(t)
	users := make([]domain.UserID, 2000)
	var group sync.WaitGroup
	for i := range users {
		users[i] = freshUser()
		group.Go(func() {
			if err := rig.Listener.Follow(context.Background(), users[i]); err != nil {
				t.Errorf("follow: %v", err)
				return
			}
			rig.Send(users[i], string(users[i]))
		})
	}
	group.Wait()
	for _, user := range users {
		require.Equal(t, []string{string(user)}, e.messages(t, user, 1))
	}
}

func (h ListenerHarness) servesManyForOne(t *testing.T) {
	rig, e := h.start(t)
	user := freshUser()
	var group sync.WaitGroup
	for range 50 {
		group.Go(func() {
			for range 20 {
				if err := rig.Listener.Follow(context.Background(), user); err != nil {
					t.Errorf("follow: %v", err)
				}
				rig.Listener.Unfollow(user)
			}
		})
	}
	require.NoError(t, rig.Listener.Follow(t.Context(), user))
	group.Wait()
	rig.Send(user, "one", "two")
	require.Equal(t, []string{"one", "two"}, e.messages(t, user, 2))
}

func (h ListenerHarness) followsBeforeRun(t *testing.T) {
	rig, e := h.New(t), newEar()
	user := freshUser()
	followed := make(chan error, 1)
	go func() { followed <- rig.Listener.Follow(context.Background(), user) }()
	listen(t, rig.Listener, e)
	require.NoError(t, <-followed)
	rig.Send(user, "x")
	e.messages(t, user, 1)
}

func (h ListenerHarness) endsWithContext(t *testing.T) {
	rig, user := h.New(t), freshUser() // nothing can be confirmed before Run
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	began := time.Now()
	err := rig.Listener.Follow(ctx, user)
	require.Less(t, time.Since(began), 2*time.Second)
	if err == nil {
		rig.Listener.Unfollow(user) // it had nothing to wait for
		return
	}
	requireFailure(t, err, domain.ConnectionError)
}

func (h ListenerHarness) endsRun(t *testing.T) {
	rig, e := h.New(t), newEar()
	stop := listen(t, rig.Listener, e)
	user := freshUser()
	require.NoError(t, rig.Listener.Follow(t.Context(), user))
	stop()
	began := time.Now()
	requireFailure(t, rig.Listener.Follow(t.Context(), freshUser()), domain.ConnectionError)
	require.Less(t, time.Since(began), 2*time.Second)
	rig.Listener.Unfollow(user)
	rig.Listener.Unfollow(user)
}

func (h ListenerHarness) runsOnce(t *testing.T) {
	rig, e := h.start(t)
	user := freshUser()
	require.NoError(t, rig.Listener.Follow(t.Context(), user))
	rig.Send(user, "x")
	e.messages(t, user, 1) // so it runs
	requireFailure(t, rig.Listener.Run(t.Context(), e), domain.InitializationFailed)
}

// freshUser is a user that no other test has.
func freshUser() domain.UserID { return domain.UserID("u-" + uuid.NewString()) }
