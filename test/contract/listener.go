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

// ListenerHarness configures the suite for an adapter of ports.MessageListener.
type ListenerHarness struct {
	// New returns a listener that is not running, on a running technology. t.Cleanup
	// must stop both. A subscription must end within a second after Unfollow.
	New func(t testing.TB) ListenerRig
	// Outage is set if the harness can start and end an outage.
	Outage bool
}

// ListenerRig is one listener and its technology.
type ListenerRig struct {
	Listener ports.MessageListener
	// Send publishes payloads for a user in the given order, as another service does.
	// It returns when the technology has accepted them.
	Send func(user domain.UserID, payloads ...string)
	// Disconnect publishes an operator's request to disconnect the user.
	Disconnect func(user domain.UserID)
	// Check sends a request to check the connections of a user, as another node does.
	Check func(user domain.UserID)
	// StartOutage starts an outage and EndOutage ends it. Both are set if the harness has Outage.
	StartOutage, EndOutage func()
}

// MessageListener tests an adapter against the comments of ports.MessageListener.
func MessageListener(t *testing.T, h ListenerHarness) {
	t.Run("delivers messages published after Follow", h.delivers)
	t.Run("delivers payloads unchanged", h.deliversVerbatim)
	t.Run("keeps the order of a user's messages", h.keepsOrder)
	t.Run("delivers each message once per process", h.deliversOnce)
	t.Run("delivers only for followed users", h.deliversOnlyFollowed)
	t.Run("counts Follow calls", h.counts)
	t.Run("delivers after Unfollow and Follow", h.refollows)
	t.Run("delivers operator requests", h.deliversOperatorRequests)
	t.Run("delivers requests to check connections", h.deliversCheckRequests)
	t.Run("serves concurrent callers", h.servesManyCallers)
	t.Run("serves concurrent callers for one user", h.servesCallersOfOneUser)
	t.Run("Follow before Run waits or succeeds", h.followsBeforeRun)
	t.Run("Follow returns when its context is done", h.endsWithContext)
	t.Run("Run returns when its context is done", h.endsRun)
	t.Run("Run cannot be called twice", h.runsOnce)
	if !h.Outage {
		return
	}
	t.Run("outage: Follow fails at once", h.failsDuringOutage)
	t.Run("outage: restores all subscriptions and reports the gap", h.reportsGap)
	t.Run("outage: reports the gap only for followed users", h.reportsGapOfFollowed)
	t.Run("outage: delivers operator requests afterwards", h.deliversOperatorRequestsAfterOutage)
	t.Run("outage: Follow succeeds after an outage at the start", h.followsAfterOutage)
}

func (h ListenerHarness) start(t testing.TB) (ListenerRig, *recordingHandler) {
	t.Helper()
	rig, e := h.New(t), newRecordingHandler()
	runListener(t, rig.Listener, e)
	return rig, e
}

func (h ListenerHarness) delivers(t *testing.T) {
	rig, e := h.start(t)
	for i := range 20 {
		user := freshUser()
		require.NoError(t, rig.Listener.Follow(t.Context(), user))
		text := fmt.Sprintf(`{"event":"e","data":{"n":%d}}`, i)
		rig.Send(user, text)
		require.Equal(t, []string{text}, e.awaitMessages(t, user, 1))
	}
}

func (h ListenerHarness) deliversVerbatim(t *testing.T) {
	rig, e := h.start(t)
	for _, user := range []domain.UserID{freshUser(), freshUser() + " with blanks", freshUser() + "/:{}*?[]\\", freshUser() + "-Łódź-中文"} {
		require.NoError(t, rig.Listener.Follow(t.Context(), user))
		want := []string{"", "x", " ", "\x00\xff\r\n+OK\r\n", "żółw 🐢", strings.Repeat("a", 200_000)}
		rig.Send(user, want...)
		require.Equal(t, want, e.awaitMessages(t, user, len(want)))
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
		require.Equal(t, want, e.awaitMessages(t, user, len(want)))
	}
	require.False(t, e.concurrent, "a user's messages must not be delivered concurrently")
}

func (h ListenerHarness) deliversOnce(t *testing.T) {
	rig, e := h.start(t)
	user := freshUser()
	for range 5 {
		require.NoError(t, rig.Listener.Follow(t.Context(), user))
	}
	rig.Send(user, "once", "end")
	require.Equal(t, []string{"once", "end"}, e.awaitMessages(t, user, 2))
}

func (h ListenerHarness) deliversOnlyFollowed(t *testing.T) {
	rig, e := h.start(t)
	user := freshUser()
	near := []domain.UserID{user + "x", user[:len(user)-1], "*", user + "*"}
	require.NoError(t, rig.Listener.Follow(t.Context(), user))
	for _, other := range near {
		rig.Send(other, "not for us")
	}
	rig.Send(user, "end")
	e.awaitMessages(t, user, 1)
	for _, other := range near {
		require.Zero(t, e.messageCount(other))
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
	e.awaitMessages(t, user, 1)

	rig.Listener.Unfollow(user)
	rig.Listener.Unfollow(user) // one call too many has no effect
	n := 0
	require.Eventually(t, func() bool {
		before := e.messageCount(user)
		rig.Send(user, "too late")
		rig.Send(witness, "end")
		n++
		e.awaitMessages(t, witness, n)
		return e.messageCount(user) == before
	}, waitLimit, 20*time.Millisecond, "messages must stop after Unfollow")

	require.NoError(t, rig.Listener.Follow(t.Context(), user))
	rig.Send(user, "again")
	e.await(t, "followed again", func() bool { return slices.Contains(e.received[user], "again") })
}

func (h ListenerHarness) refollows(t *testing.T) {
	rig, e := h.start(t)
	user := freshUser()
	for i := range 100 {
		require.NoError(t, rig.Listener.Follow(t.Context(), user))
		rig.Send(user, fmt.Sprint(i))
		require.Equal(t, fmt.Sprint(i), e.awaitMessages(t, user, i+1)[i])
		rig.Listener.Unfollow(user)
	}
	require.Len(t, e.awaitMessages(t, user, 100), 100)
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
		require.Equal(t, []string{string(user)}, e.awaitMessages(t, user, 1))
	}
}

func (h ListenerHarness) servesCallersOfOneUser(t *testing.T) {
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
	require.Equal(t, []string{"one", "two"}, e.awaitMessages(t, user, 2))
}

func (h ListenerHarness) followsBeforeRun(t *testing.T) {
	rig, e := h.New(t), newRecordingHandler()
	user := freshUser()
	followed := make(chan error, 1)
	go func() { followed <- rig.Listener.Follow(context.Background(), user) }()
	runListener(t, rig.Listener, e)
	require.NoError(t, <-followed)
	rig.Send(user, "x")
	e.awaitMessages(t, user, 1)
}

func (h ListenerHarness) endsWithContext(t *testing.T) {
	rig, user := h.New(t), freshUser() // a subscription is not confirmed before Run
	ctx := cancelled(t)
	startedAt := time.Now()
	err := rig.Listener.Follow(ctx, user)
	require.Less(t, time.Since(startedAt), 2*time.Second)
	if err == nil {
		rig.Listener.Unfollow(user) // this adapter does not wait
		return
	}
	requireFailure(t, err, domain.ConnectionError)
}

func (h ListenerHarness) endsRun(t *testing.T) {
	rig, e := h.New(t), newRecordingHandler()
	stop := runListener(t, rig.Listener, e)
	user := freshUser()
	require.NoError(t, rig.Listener.Follow(t.Context(), user))
	stop()
	startedAt := time.Now()
	requireFailure(t, rig.Listener.Follow(t.Context(), freshUser()), domain.ConnectionError)
	require.Less(t, time.Since(startedAt), 2*time.Second)
	rig.Listener.Unfollow(user)
	rig.Listener.Unfollow(user)
}

func (h ListenerHarness) runsOnce(t *testing.T) {
	rig, e := h.start(t)
	user := freshUser()
	require.NoError(t, rig.Listener.Follow(t.Context(), user))
	rig.Send(user, "x")
	e.awaitMessages(t, user, 1) // now it is running
	requireFailure(t, rig.Listener.Run(t.Context(), e), domain.InitializationFailed)
}

// freshUser returns a unique user id.
func freshUser() domain.UserID { return domain.UserID("u-" + uuid.NewString()) }
