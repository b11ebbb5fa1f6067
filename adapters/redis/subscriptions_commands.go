package redis

import (
	"time"

	"github.com/huleedu/edge/domain"
)

// This file has the methods that the connection calls: commands, confirmations, and the
// start and end of a connection.

// nextCommands returns the channels to subscribe and to unsubscribe, and after which time to
// call it again; 0 means only after a wake. While confirmations are outstanding it returns
// no channels, so that many changes are combined in few commands.
func (r *subscriptions) nextCommands(now time.Time) (subscribe, unsubscribe []string, sleep time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.inFlight > 0 {
		return nil, nil, 0
	}
	defer func() { r.inFlight = len(subscribe) + len(unsubscribe) }()
	for _, user := range r.pending {
		e := r.users[user]
		if e == nil || !e.queued {
			continue
		}
		e.queued, e.unsubscribing = false, false
		e.inFlight++
		subscribe = append(subscribe, r.prefix.channel(user))
	}
	r.pending = nil
	for len(r.idle) > 0 {
		i := r.idle[0]
		if rest := r.linger - now.Sub(i.since); rest > 0 {
			return subscribe, unsubscribe, rest
		}
		r.idle = r.idle[1:]
		e := r.users[i.user]
		if e == nil || e.refs > 0 || e.unsubscribing || !e.idleSince.Equal(i.since) {
			continue
		}
		e.live, e.unsubscribing = false, true
		e.inFlight++
		unsubscribe = append(unsubscribe, r.prefix.channel(i.user))
	}
	r.idle = nil
	return subscribe, unsubscribe, 0
}

// confirm records one confirmation. fresh is set if callers waited for it, since the time
// asked.
func (r *subscriptions) confirm(user domain.UserID, subscribed bool) (asked time.Time, fresh bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.users[user]
	if e == nil || e.inFlight == 0 {
		return time.Time{}, false
	}
	e.inFlight--
	r.inFlight--
	if r.inFlight == 0 {
		notify(r.wake)
	}
	switch {
	case e.inFlight > 0 || e.queued:
		return time.Time{}, false
	case e.unsubscribing:
		r.remove(user, e)
		return time.Time{}, false
	case !subscribed:
		return time.Time{}, false
	}
	e.live = true
	if e.lost {
		e.lost = false
		r.lost--
		r.restoredUsers = append(r.restoredUsers, user)
	}
	return e.waitingSince, r.resolveWaiters(e, nil)
}

// resolveWaiters ends the wait of callers. It returns false if no caller waited.
func (r *subscriptions) resolveWaiters(e *subscription, err error) bool {
	if e.promise == nil {
		return false
	}
	e.promise.resolve(err)
	e.promise = nil
	return true
}

// connected starts a new connection: all users must be subscribed.
func (r *subscriptions) connected() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.phase, r.reason, r.restoredUsers, r.inFlight = up, nil, nil, 0
	r.pending = make([]domain.UserID, 0, len(r.users))
	for user, e := range r.users {
		e.queued = true
		r.pending = append(r.pending, user)
	}
	notify(r.wake)
}

// disconnected ends a connection and resets all subscriptions. Callers continue to wait,
// because the next attempt follows at once.
func (r *subscriptions) disconnected(reason error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.phase, r.reason = connecting, reason
	r.pending, r.idle, r.restoredUsers, r.lost = nil, nil, nil, 0
	for user, e := range r.users {
		if e.refs == 0 {
			delete(r.users, user)
			continue
		}
		e.lost = e.lost || e.live
		e.live, e.unsubscribing, e.queued, e.inFlight = false, false, false, 0
		if e.lost {
			r.lost++
		}
	}
}

// failWaiters fails the waiting callers and all later ones until the next connection.
func (r *subscriptions) failWaiters(p phase, reason error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.phase, r.reason = p, reason
	for _, e := range r.users {
		r.resolveWaiters(e, reason)
	}
}

// takeRestored returns the followed users whose lost subscription is restored, once each.
// whole is set if no user is missing. Without part it returns no users before that.
func (r *subscriptions) takeRestored(part bool) (users []domain.UserID, whole bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	whole = r.lost == 0
	if !whole && !part {
		return nil, false
	}
	for _, user := range r.restoredUsers {
		if e := r.users[user]; e != nil && e.refs > 0 {
			users = append(users, user)
		}
	}
	r.restoredUsers = nil
	return users, whole
}

// downReason returns why the connection does not work.
func (r *subscriptions) downReason() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.reason == nil {
		return errConnecting
	}
	return r.reason
}
