package redis

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/huleedu/edge/domain"
)

// subscriptions is the state of one connection's users: what callers want, what was sent to
// Redis and what Redis has confirmed. Redis confirms every command for every channel, in
// order. So a channel is subscribed if no command for it is in flight and the last one was
// SUBSCRIBE.
type subscriptions struct {
	prefix ChannelPrefix
	linger time.Duration
	// wake tells shard.sendCommands that there is work.
	wake chan struct{}

	mu            sync.Mutex
	phase         phase
	reason        error // why the connection is down
	users         map[domain.UserID]*subscription
	pending       []domain.UserID // users to subscribe, in order
	idle          []idleUser      // users without followers, oldest first
	inFlight      int             // channels with an outstanding confirmation
	lost          int             // number of lost subscriptions that are not restored
	restoredUsers []domain.UserID // users whose lost subscription is restored, to be reported
}

// phase is the state of the connection.
type phase uint8

const (
	connecting phase = iota // the connection is not open yet, or was just lost: callers wait
	up                      // the connection is open: subscriptions are sent to Redis
	down                    // the last attempt to connect failed: callers get an error
	stopped                 // the listener has ended: callers get an error
)

// subscription is the state of one user.
type subscription struct {
	refs          int       // number of followers
	inFlight      int       // commands sent and not confirmed
	queued        bool      // in pending
	unsubscribing bool      // UNSUBSCRIBE was the last command sent
	live          bool      // confirmed, and nothing sent since
	lost          bool      // was live when the connection broke
	idleSince     time.Time // when refs became 0
	waitingSince  time.Time // since when callers wait
	promise       *promise  // what callers wait for; nil if no caller waits
}

type idleUser struct {
	user  domain.UserID
	since time.Time
}

// promise is the future confirmation of one subscription.
type promise struct {
	done chan struct{}
	err  error // set before done is closed
}

var (
	errConnecting = errors.New("the subscription was not confirmed in time")
	errStopped    = errors.New("the listener has ended")
)

// wait returns nil when the subscription is confirmed, at once for a nil promise. It returns an
// error when the connection fails, ctx is done or the confirmation takes too long.
func (p *promise) wait(ctx context.Context) error {
	if p == nil {
		return nil
	}
	timer := time.NewTimer(followTimeout)
	defer timer.Stop()
	select {
	case <-p.done:
		return p.err
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return errConnecting
	}
}

// resolve ends the wait of all callers.
func (p *promise) resolve(err error) {
	p.err = err
	close(p.done)
}

func newSubscriptions(prefix ChannelPrefix, linger time.Duration) *subscriptions {
	return &subscriptions{
		prefix: prefix, linger: linger, wake: make(chan struct{}, 1),
		users: make(map[domain.UserID]*subscription),
	}
}

// follow adds a follower. The promise is nil if the subscription is live. first is set for
// the user's first follower. It returns an error while the connection is down.
func (s *subscriptions) follow(user domain.UserID) (p *promise, first bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.phase == down || s.phase == stopped {
		return nil, false, s.reason
	}
	sub := s.users[user]
	if sub == nil {
		sub = &subscription{}
		s.users[user] = sub
	}
	sub.refs++
	if sub.live {
		return nil, sub.refs == 1, nil
	}
	if sub.promise == nil {
		sub.promise = &promise{done: make(chan struct{})}
		sub.waitingSince = time.Now()
	}
	if !sub.queued && (sub.inFlight == 0 || sub.unsubscribing) {
		s.enqueue(user, sub)
	}
	return sub.promise, sub.refs == 1, nil
}

// enqueue adds the user to those whose channel must be subscribed.
func (s *subscriptions) enqueue(user domain.UserID, sub *subscription) {
	sub.queued = true
	s.pending = append(s.pending, user)
	notify(s.wake)
}

// unfollow removes a follower. It returns true for the user's last follower.
func (s *subscriptions) unfollow(user domain.UserID, now time.Time) (last bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sub := s.users[user]
	if sub == nil || sub.refs == 0 {
		return false
	}
	sub.refs--
	if sub.refs > 0 {
		return false
	}
	if s.phase != up {
		s.remove(user, sub)
		return true
	}
	sub.idleSince = now
	s.idle = append(s.idle, idleUser{user: user, since: now})
	if len(s.idle) == 1 {
		notify(s.wake)
	}
	return true
}

// remove removes a user who has no subscription in Redis.
func (s *subscriptions) remove(user domain.UserID, sub *subscription) {
	if sub.lost {
		s.lost--
	}
	delete(s.users, user)
}
