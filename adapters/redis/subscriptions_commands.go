package redis

import (
	"time"

	"github.com/huleedu/edge/domain"
)

// The half of a roster that its one connection drives: what to send, what came
// back, and the connection's own coming and going.

// nextCommands hands the writer what to send now, as channels, and how long it may
// sleep if nothing else happens; 0 means for ever. While Redis owes confirmations
// there is nothing to send: a storm gathers meanwhile, and goes by few commands.
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

// confirm takes note of one confirmation. fresh says that callers were waiting
// for it, since the time asked.
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
		r.wakeWriter()
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

// resolveWaiters resolves what callers wait for; false means that nobody did.
func (r *subscriptions) resolveWaiters(e *subscription, err error) bool {
	if e.promise == nil {
		return false
	}
	e.promise.resolve(err)
	e.promise = nil
	return true
}

// connected starts on a fresh connection: everyone is to be subscribed.
func (r *subscriptions) connected() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.phase, r.reason, r.restoredUsers, r.inFlight = up, nil, nil, 0
	r.pending = make([]domain.UserID, 0, len(r.users))
	for user, e := range r.users {
		e.queued = true
		r.pending = append(r.pending, user)
	}
	r.wakeWriter()
}

// disconnected ends a connection: what was sent over it counts for nothing. Callers go
// on waiting, because the next attempt follows at once.
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

// failWaiters fails the callers that wait and those to come, until the next
// connection.
func (r *subscriptions) failWaiters(p phase, reason error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.phase, r.reason = p, reason
	for _, e := range r.users {
		r.resolveWaiters(e, reason)
	}
}

// takeRestored hands out, once each, who was lost and is back and still followed;
// whole says that nobody is missing any more. Before that it hands out nobody,
// unless a part will do.
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

// downReason is the reason of a connection that does not work.
func (r *subscriptions) downReason() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.reason == nil {
		return errConnecting
	}
	return r.reason
}
