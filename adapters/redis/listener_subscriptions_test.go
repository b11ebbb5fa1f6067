package redis

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/huleedu/edge/domain"
)

// subscriptionsModel plays the server at the other end of a roster's connection and
// counts by itself what callers want.
type subscriptionsModel struct {
	roster   *subscriptions
	now      time.Time
	open     bool
	answers  []modelCommand // executed, not yet confirmed
	held     map[domain.UserID]bool
	followed map[domain.UserID]int
	promises map[*promise]domain.UserID
}

type modelCommand struct {
	user      domain.UserID
	subscribe bool
}

func newSubscriptionsModel() *subscriptionsModel {
	return &subscriptionsModel{
		roster: newSubscriptions("ws:", time.Second), now: time.Unix(1, 0), held: map[domain.UserID]bool{},
		followed: map[domain.UserID]int{}, promises: map[*promise]domain.UserID{},
	}
}

func (w *subscriptionsModel) follow(t *rapid.T) {
	user := modelUser().Draw(t, "user")
	p, first, err := w.roster.follow(user)
	require.NoError(t, err)
	require.Equal(t, w.followed[user] == 0, first)
	w.followed[user]++
	if p != nil {
		w.promises[p] = user
	}
	require.True(t, p != nil || w.held[user], "nobody is told of a subscription that is not there")
}

func (w *subscriptionsModel) unfollow(t *rapid.T) {
	user := modelUser().Draw(t, "user")
	w.now = w.now.Add(time.Nanosecond)
	last := w.roster.unfollow(user, w.now)
	require.Equal(t, w.followed[user] == 1, last)
	w.followed[user] = max(0, w.followed[user]-1)
	if w.followed[user] == 0 { // nobody waits any more
		maps.DeleteFunc(w.promises, func(_ *promise, of domain.UserID) bool { return of == user })
	}
}

// send executes at once what the roster asks for; the answers wait.
func (w *subscriptionsModel) send(*rapid.T) {
	if !w.open {
		return
	}
	subscribe, unsubscribe, _ := w.roster.nextCommands(w.now)
	for _, c := range subscribe {
		w.execute(modelCommand{w.roster.prefix.user(c), true})
	}
	for _, c := range unsubscribe {
		w.execute(modelCommand{w.roster.prefix.user(c), false})
	}
}

func (w *subscriptionsModel) execute(c modelCommand) {
	w.held[c.user] = c.subscribe
	w.answers = append(w.answers, c)
}

func (w *subscriptionsModel) answer(*rapid.T) {
	if len(w.answers) > 0 {
		w.roster.confirm(w.answers[0].user, w.answers[0].subscribe)
		w.answers = w.answers[1:]
	}
}

func (w *subscriptionsModel) pass(*rapid.T) { w.now = w.now.Add(600 * time.Millisecond) }

func (w *subscriptionsModel) connect(*rapid.T) {
	if !w.open {
		w.open = true
		w.roster.connected()
	}
}

func (w *subscriptionsModel) lose(*rapid.T) {
	w.open = false
	w.answers = nil
	clear(w.held)
	w.roster.disconnected(errProbeLost)
}

// check demands that a kept promise was true when it was kept.
func (w *subscriptionsModel) check(t *rapid.T) {
	for p, user := range w.promises {
		select {
		case <-p.done:
			delete(w.promises, p)
			require.NoError(t, p.err)
			require.True(t, w.held[user] || w.followed[user] == 0, "confirmed, but not subscribed")
		default:
		}
	}
}

// settle lets everything in flight arrive and every linger end.
func (w *subscriptionsModel) settle(t *rapid.T) {
	w.connect(t)
	for range 3 {
		w.send(t)
		for len(w.answers) > 0 {
			w.answer(t)
		}
		w.check(t)
		w.now = w.now.Add(2 * time.Second)
	}
	want := maps.Collect(func(yield func(domain.UserID, bool) bool) {
		for user, n := range w.followed {
			if n > 0 && !yield(user, true) {
				return
			}
		}
	})
	maps.DeleteFunc(w.held, func(_ domain.UserID, held bool) bool { return !held })
	require.Equal(t, want, w.held, "subscribed are those who are followed")
	require.ElementsMatch(t, slices.Collect(maps.Keys(want)), slices.Collect(maps.Keys(w.roster.users)), "nothing is kept of the others")
	for _, e := range w.roster.users {
		require.True(t, e.live && e.inFlight == 0 && !e.queued && !e.unsubscribing && e.promise == nil)
	}
	require.Empty(t, w.promises, "nobody waits for ever")
	_, ok := w.roster.takeRestored(false)
	require.True(t, ok, "no gap stays open")
}

func modelUser() *rapid.Generator[domain.UserID] {
	return rapid.SampledFrom([]domain.UserID{"a", "b", "c"})
}

func TestSubscriptionsConverge(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newSubscriptionsModel()
		t.Repeat(map[string]func(*rapid.T){
			"": w.check, "follow": w.follow, "unfollow": w.unfollow, "send": w.send, "answer": w.answer,
			"pass": w.pass, "connect": w.connect, "lose": w.lose,
		})
		w.settle(t)
	})
}

func TestSubscriptionsReportEveryLostUser(t *testing.T) {
	w := newSubscriptionsModel()
	for _, user := range []domain.UserID{"a", "b", "c"} {
		_, _, err := w.roster.follow(user)
		require.NoError(t, err)
	}
	w.connect(nil)
	w.send(nil)
	w.answer(nil) // one of them is confirmed
	first := w.roster.users
	lost := domain.UserID("")
	for user, e := range first {
		if e.live {
			lost = user
		}
	}
	w.lose(nil)
	w.connect(nil)
	_, ok := w.roster.takeRestored(false)
	require.False(t, ok)
	w.lose(nil) // again, before it is back
	w.connect(nil)
	w.send(nil)
	for len(w.answers) > 0 {
		w.answer(nil)
	}
	users, ok := w.roster.takeRestored(false)
	require.True(t, ok)
	require.Equal(t, []domain.UserID{lost}, users, "who was never confirmed has missed nothing")
}

// TestSubscriptionsIgnoreOldConfirmations: anna was wanted and given up, and
// both is on its way, when she is wanted again.
func TestSubscriptionsIgnoreOldConfirmations(t *testing.T) {
	w := newSubscriptionsModel()
	_, _, err := w.roster.follow("anna")
	require.NoError(t, err)
	w.connect(nil)
	w.roster.unfollow("anna", w.now)
	w.now = w.now.Add(2 * time.Second)
	w.send(nil)
	require.Equal(t, []modelCommand{{"anna", true}, {"anna", false}}, w.answers)
	again, _, err := w.roster.follow("anna")
	require.NoError(t, err)
	for range 3 {
		select {
		case <-again.done:
			require.FailNow(t, "confirmed too early")
		default:
		}
		w.send(nil)
		w.answer(nil)
	}
	require.NoError(t, again.wait(t.Context()))
	require.True(t, w.held["anna"])
}

// TestSubscriptionsBatchWhileConfirmationsAreOutstanding: users who come one after the other
// go by one command, and its writer is woken for it.
func TestSubscriptionsBatchWhileConfirmationsAreOutstanding(t *testing.T) {
	w := newSubscriptionsModel()
	w.connect(nil)
	for _, user := range []domain.UserID{"anna", "bo", "cleo"} {
		_, _, err := w.roster.follow(user)
		require.NoError(t, err)
		<-w.roster.wake
		w.send(nil)
		require.Equal(t, []modelCommand{{"anna", true}}, w.answers)
	}
	w.answer(nil)
	<-w.roster.wake
	w.send(nil)
	require.Equal(t, []modelCommand{{"bo", true}, {"cleo", true}}, w.answers)
}

func TestSubscriptionsLingerAfterTheLastUnfollow(t *testing.T) {
	w := newSubscriptionsModel()
	w.connect(nil)
	for range 2 {
		_, _, err := w.roster.follow("anna")
		require.NoError(t, err)
		w.send(nil)
		w.answer(nil)
		w.now = w.now.Add(600 * time.Millisecond)
		w.roster.unfollow("anna", w.now)
		w.now = w.now.Add(600 * time.Millisecond)
		w.send(nil)
		require.True(t, w.held["anna"], "still within the linger")
	}
	w.now = w.now.Add(500 * time.Millisecond)
	w.send(nil)
	require.False(t, w.held["anna"])
}

func TestSubscriptionsRefuseWhileDown(t *testing.T) {
	r := newSubscriptions("ws:", time.Second)
	p, _, err := r.follow("a")
	require.NoError(t, err)
	r.failWaiters(down, errProbeLost)
	require.ErrorIs(t, p.wait(t.Context()), errProbeLost)
	_, _, err = r.follow("b")
	require.ErrorIs(t, err, errProbeLost)
	require.True(t, r.unfollow("a", time.Now()))
	require.Empty(t, r.users)
}

func TestKeysOfDifferentPairsDiffer(t *testing.T) {
	text := rapid.StringOfN(rapid.SampledFrom([]rune("ab{}:")), 0, 6, -1)
	rapid.Check(t, func(t *rapid.T) {
		u1, u2 := text.Draw(t, "user 1"), text.Draw(t, "user 2")
		e1, e2 := text.Draw(t, "event 1"), text.Draw(t, "event 2")
		if u1 != u2 || e1 != e2 {
			require.NotEqual(t, seenKey(domain.UserID(u1), e1), seenKey(domain.UserID(u2), e2))
		}
		if u1 != u2 {
			require.NotEqual(t, logKey(domain.UserID(u1)), logKey(domain.UserID(u2)))
		}
	})
}

// TestRestoredUsersAreReportedFirst covers a message that comes for one user
// while another is still missing.
func TestRestoredUsersAreReportedFirst(t *testing.T) {
	w := newSubscriptionsModel()
	w.connect(nil)
	for _, user := range []domain.UserID{"anna", "bo"} {
		_, _, err := w.roster.follow(user)
		require.NoError(t, err)
	}
	w.send(nil)
	for len(w.answers) > 0 {
		w.answer(nil)
	}
	w.lose(nil)
	w.connect(nil)
	w.send(nil)
	w.answer(nil)
	users, whole := w.roster.takeRestored(false)
	require.False(t, whole)
	require.Empty(t, users)
	users, whole = w.roster.takeRestored(true)
	require.False(t, whole)
	require.Len(t, users, 1)
	w.answer(nil)
	rest, whole := w.roster.takeRestored(false)
	require.True(t, whole)
	require.ElementsMatch(t, []domain.UserID{"anna", "bo"}, append(users, rest...), "each once")
}
