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
// order, so a channel is subscribed only when no command for it is in flight and the last
// one was SUBSCRIBE.
type subscriptions struct {
	prefix ChannelPrefix
	linger time.Duration
	// wake tells sendCommands, which alone sends commands, that there is work.
	wake chan struct{}

	mu            sync.Mutex
	phase         phase
	reason        error // why the phase is down
	users         map[domain.UserID]*subscription
	pending       []domain.UserID // users to subscribe, in order
	idle          []idleUser      // users without followers, oldest first
	inFlight      int             // channels with an outstanding confirmation
	lost          int             // subscriptions that were lost and are not restored
	restoredUsers []domain.UserID // lost users whose subscription is restored
}

// phase is the state of the connection.
type phase uint8

const (
	connecting phase = iota // not connected yet, or just lost: callers wait
	up
	down // the last attempt to connect failed: callers get an error
	stopped
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
	errConnecting = errors.New("no confirmation in time")
	errStopped    = errors.New("the listener has ended")
)

// wait returns when the subscription is confirmed, at once for a nil promise.
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
// the user's first follower.
func (r *subscriptions) follow(user domain.UserID) (p *promise, first bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.phase == down || r.phase == stopped {
		return nil, false, r.reason
	}
	e := r.users[user]
	if e == nil {
		e = &subscription{}
		r.users[user] = e
	}
	e.refs++
	if e.live {
		return nil, e.refs == 1, nil
	}
	if e.promise == nil {
		e.promise = &promise{done: make(chan struct{})}
		e.waitingSince = time.Now()
	}
	if !e.queued && (e.inFlight == 0 || e.unsubscribing) {
		r.enqueue(user, e)
	}
	return e.promise, e.refs == 1, nil
}

func (r *subscriptions) enqueue(user domain.UserID, e *subscription) {
	e.queued = true
	r.pending = append(r.pending, user)
	notify(r.wake)
}

// unfollow removes a follower. It returns true for the user's last follower.
func (r *subscriptions) unfollow(user domain.UserID, now time.Time) (last bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.users[user]
	if e == nil || e.refs == 0 {
		return false
	}
	e.refs--
	if e.refs > 0 {
		return false
	}
	if r.phase != up {
		r.remove(user, e)
		return true
	}
	e.idleSince = now
	r.idle = append(r.idle, idleUser{user: user, since: now})
	if len(r.idle) == 1 {
		notify(r.wake)
	}
	return true
}

// remove removes a user who has no subscription in Redis.
func (r *subscriptions) remove(user domain.UserID, e *subscription) {
	if e.lost {
		r.lost--
	}
	delete(r.users, user)
}
