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

// subscriptionsModel is a model of the server, and of the followers of each user.
type subscriptionsModel struct {
	subs       *subscriptions
	now        time.Time
	open       bool
	executed   []modelCommand         // commands that are not confirmed yet
	subscribed map[domain.UserID]bool // on the server
	followed   map[domain.UserID]int
	promises   map[*promise]domain.UserID
}

type modelCommand struct {
	user      domain.UserID
	subscribe bool
}

func newSubscriptionsModel() *subscriptionsModel {
	return &subscriptionsModel{
		subs: newSubscriptions("ws:", time.Second), now: time.Unix(1, 0), subscribed: map[domain.UserID]bool{},
		followed: map[domain.UserID]int{}, promises: map[*promise]domain.UserID{},
	}
}

func (m *subscriptionsModel) follow(t *rapid.T) {
	user := modelUser().Draw(t, "user")
	p, first, err := m.subs.follow(user)
	require.NoError(t, err)
	require.Equal(t, m.followed[user] == 0, first)
	m.followed[user]++
	if p != nil {
		m.promises[p] = user
	}
	require.True(t, p != nil || m.subscribed[user], "follow must wait if the user is not subscribed")
}

func (m *subscriptionsModel) unfollow(t *rapid.T) {
	user := modelUser().Draw(t, "user")
	m.now = m.now.Add(time.Nanosecond)
	last := m.subs.unfollow(user, m.now)
	require.Equal(t, m.followed[user] == 1, last)
	m.followed[user] = max(0, m.followed[user]-1)
	if m.followed[user] == 0 { // the last follower no longer waits
		maps.DeleteFunc(m.promises, func(_ *promise, of domain.UserID) bool { return of == user })
	}
}

// send executes the next commands at once. Their confirmations follow with confirm.
func (m *subscriptionsModel) send(*rapid.T) {
	if !m.open {
		return
	}
	subscribe, unsubscribe, _ := m.subs.nextCommands(m.now)
	for _, c := range subscribe {
		m.execute(modelCommand{m.subs.prefix.user(c), true})
	}
	for _, c := range unsubscribe {
		m.execute(modelCommand{m.subs.prefix.user(c), false})
	}
}

func (m *subscriptionsModel) execute(c modelCommand) {
	m.subscribed[c.user] = c.subscribe
	m.executed = append(m.executed, c)
}

// confirm confirms the oldest command.
func (m *subscriptionsModel) confirm(*rapid.T) {
	if len(m.executed) > 0 {
		m.subs.confirm(m.executed[0].user, m.executed[0].subscribe)
		m.executed = m.executed[1:]
	}
}

func (m *subscriptionsModel) pass(*rapid.T) { m.now = m.now.Add(600 * time.Millisecond) }

func (m *subscriptionsModel) connect(*rapid.T) {
	if !m.open {
		m.open = true
		m.subs.connected()
	}
}

func (m *subscriptionsModel) lose(*rapid.T) {
	m.open = false
	m.executed = nil
	clear(m.subscribed)
	m.subs.disconnected(errProbeLost)
}

// check requires that the user of each resolved promise is subscribed.
func (m *subscriptionsModel) check(t *rapid.T) {
	for p, user := range m.promises {
		select {
		case <-p.done:
			delete(m.promises, p)
			require.NoError(t, p.err)
			require.True(t, m.subscribed[user] || m.followed[user] == 0, "confirmed, but not subscribed")
		default:
		}
	}
}

// settle confirms all commands and lets every linger end.
func (m *subscriptionsModel) settle(t *rapid.T) {
	m.connect(t)
	for range 3 {
		m.send(t)
		for len(m.executed) > 0 {
			m.confirm(t)
		}
		m.check(t)
		m.now = m.now.Add(2 * time.Second)
	}
	want := maps.Collect(func(yield func(domain.UserID, bool) bool) {
		for user, n := range m.followed {
			if n > 0 && !yield(user, true) {
				return
			}
		}
	})
	maps.DeleteFunc(m.subscribed, func(_ domain.UserID, held bool) bool { return !held })
	require.Equal(t, want, m.subscribed, "the followed users must be subscribed")
	require.ElementsMatch(t, slices.Collect(maps.Keys(want)), slices.Collect(maps.Keys(m.subs.users)), "other users must be removed")
	for _, sub := range m.subs.users {
		require.True(t, sub.live && sub.inFlight == 0 && !sub.queued && !sub.unsubscribing && sub.promise == nil)
	}
	require.Empty(t, m.promises, "every wait must end")
	_, ok := m.subs.takeRestored(false)
	require.True(t, ok, "the gap must end")
}

func modelUser() *rapid.Generator[domain.UserID] {
	return rapid.SampledFrom([]domain.UserID{"a", "b", "c"})
}

func TestSubscriptionsConverge(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newSubscriptionsModel()
		t.Repeat(map[string]func(*rapid.T){
			"": m.check, "follow": m.follow, "unfollow": m.unfollow, "send": m.send, "confirm": m.confirm,
			"pass": m.pass, "connect": m.connect, "lose": m.lose,
		})
		m.settle(t)
	})
}

func TestSubscriptionsReportEveryLostUser(t *testing.T) {
	m := newSubscriptionsModel()
	for _, user := range []domain.UserID{"a", "b", "c"} {
		_, _, err := m.subs.follow(user)
		require.NoError(t, err)
	}
	m.connect(nil)
	m.send(nil)
	m.confirm(nil) // confirms one of them
	lost := domain.UserID("")
	for user, sub := range m.subs.users {
		if sub.live {
			lost = user
		}
	}
	m.lose(nil)
	m.connect(nil)
	_, ok := m.subs.takeRestored(false)
	require.False(t, ok)
	m.lose(nil) // again, before the user is restored
	m.connect(nil)
	m.send(nil)
	for len(m.executed) > 0 {
		m.confirm(nil)
	}
	users, ok := m.subs.takeRestored(false)
	require.True(t, ok)
	require.Equal(t, []domain.UserID{lost}, users, "users who were never confirmed have missed no message")
}

// The user is followed again while a SUBSCRIBE and an UNSUBSCRIBE are not confirmed.
func TestSubscriptionsIgnoreOldConfirmations(t *testing.T) {
	m := newSubscriptionsModel()
	_, _, err := m.subs.follow("anna")
	require.NoError(t, err)
	m.connect(nil)
	m.subs.unfollow("anna", m.now)
	m.now = m.now.Add(2 * time.Second)
	m.send(nil)
	require.Equal(t, []modelCommand{{"anna", true}, {"anna", false}}, m.executed)
	again, _, err := m.subs.follow("anna")
	require.NoError(t, err)
	for range 3 {
		select {
		case <-again.done:
			require.FailNow(t, "confirmed too early")
		default:
		}
		m.send(nil)
		m.confirm(nil)
	}
	require.NoError(t, again.wait(t.Context()))
	require.True(t, m.subscribed["anna"])
}

// Users who are followed while a confirmation is outstanding share the next command.
func TestSubscriptionsBatchWhileConfirmationsAreOutstanding(t *testing.T) {
	m := newSubscriptionsModel()
	m.connect(nil)
	for _, user := range []domain.UserID{"anna", "bo", "cleo"} {
		_, _, err := m.subs.follow(user)
		require.NoError(t, err)
		<-m.subs.wake
		m.send(nil)
		require.Equal(t, []modelCommand{{"anna", true}}, m.executed)
	}
	m.confirm(nil)
	<-m.subs.wake
	m.send(nil)
	require.Equal(t, []modelCommand{{"bo", true}, {"cleo", true}}, m.executed)
}

func TestSubscriptionsLingerAfterTheLastUnfollow(t *testing.T) {
	m := newSubscriptionsModel()
	m.connect(nil)
	for range 2 {
		_, _, err := m.subs.follow("anna")
		require.NoError(t, err)
		m.send(nil)
		m.confirm(nil)
		m.now = m.now.Add(600 * time.Millisecond)
		m.subs.unfollow("anna", m.now)
		m.now = m.now.Add(600 * time.Millisecond)
		m.send(nil)
		require.True(t, m.subscribed["anna"], "the linger has not ended")
	}
	m.now = m.now.Add(500 * time.Millisecond)
	m.send(nil)
	require.False(t, m.subscribed["anna"])
}

func TestFollowFailsWhileSubscriptionsAreDown(t *testing.T) {
	s := newSubscriptions("ws:", time.Second)
	p, _, err := s.follow("a")
	require.NoError(t, err)
	s.failWaiters(down, errProbeLost)
	require.ErrorIs(t, p.wait(t.Context()), errProbeLost)
	_, _, err = s.follow("b")
	require.ErrorIs(t, err, errProbeLost)
	require.True(t, s.unfollow("a", time.Now()))
	require.Empty(t, s.users)
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

// A message for a restored user arrives while another user is not restored yet.
func TestSubscriptionsReportRestoredUsersBeforeTheOthers(t *testing.T) {
	m := newSubscriptionsModel()
	m.connect(nil)
	for _, user := range []domain.UserID{"anna", "bo"} {
		_, _, err := m.subs.follow(user)
		require.NoError(t, err)
	}
	m.send(nil)
	for len(m.executed) > 0 {
		m.confirm(nil)
	}
	m.lose(nil)
	m.connect(nil)
	m.send(nil)
	m.confirm(nil)
	users, whole := m.subs.takeRestored(false)
	require.False(t, whole)
	require.Empty(t, users)
	users, whole = m.subs.takeRestored(true)
	require.False(t, whole)
	require.Len(t, users, 1)
	m.confirm(nil)
	rest, whole := m.subs.takeRestored(false)
	require.True(t, whole)
	require.ElementsMatch(t, []domain.UserID{"anna", "bo"}, append(users, rest...), "each user must be reported once")
}
