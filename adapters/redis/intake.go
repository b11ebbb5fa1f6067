package redis

import (
	"time"

	"github.com/huleedu/edge/domain"
)

// The half of a roster that its one connection drives: what to send, what came
// back, and the connection's own coming and going.

// take hands the writer what to send now, as channels, and how long it may
// sleep if nothing else happens; 0 means for ever. While Redis owes confirmations
// there is nothing to send: a storm gathers meanwhile, and goes by few commands.
func (r *roster) take(now time.Time) (subscribe, unsubscribe []string, sleep time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.flying > 0 {
		return nil, nil, 0
	}
	defer func() { r.flying = len(subscribe) + len(unsubscribe) }()
	for _, user := range r.pending {
		e := r.users[user]
		if e == nil || !e.queued {
			continue
		}
		e.queued, e.leaving = false, false
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
		if e == nil || e.refs > 0 || e.leaving || !e.idled.Equal(i.since) {
			continue
		}
		e.live, e.leaving = false, true
		e.inFlight++
		unsubscribe = append(unsubscribe, r.prefix.channel(i.user))
	}
	r.idle = nil
	return subscribe, unsubscribe, 0
}

// confirm takes note of one confirmation. fresh says that callers were waiting
// for it, since the time asked.
func (r *roster) confirm(user domain.UserID, subscribed bool) (asked time.Time, fresh bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.users[user]
	if e == nil || e.inFlight == 0 {
		return time.Time{}, false
	}
	e.inFlight--
	r.flying--
	if r.flying == 0 {
		r.rouse()
	}
	switch {
	case e.inFlight > 0 || e.queued:
		return time.Time{}, false
	case e.leaving:
		r.forget(user, e)
		return time.Time{}, false
	case !subscribed:
		return time.Time{}, false
	}
	e.live = true
	if e.lost {
		e.lost = false
		r.lost--
		r.back = append(r.back, user)
	}
	return e.asked, r.keep(e, nil)
}

// keep resolves what callers wait for; false means that nobody did.
func (r *roster) keep(e *entry, err error) bool {
	if e.promise == nil {
		return false
	}
	e.promise.resolve(err)
	e.promise = nil
	return true
}

// opened starts on a fresh connection: everyone is to be subscribed.
func (r *roster) opened() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.phase, r.reason, r.back, r.flying = up, nil, nil, 0
	r.pending = make([]domain.UserID, 0, len(r.users))
	for user, e := range r.users {
		e.queued = true
		r.pending = append(r.pending, user)
	}
	r.rouse()
}

// broke ends a connection: what was sent over it counts for nothing. Callers go
// on waiting, because the next attempt follows at once.
func (r *roster) broke(reason error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.phase, r.reason = connecting, reason
	r.pending, r.idle, r.back, r.lost = nil, nil, nil, 0
	for user, e := range r.users {
		if e.refs == 0 {
			delete(r.users, user)
			continue
		}
		e.lost = e.lost || e.live
		e.live, e.leaving, e.queued, e.inFlight = false, false, false, 0
		if e.lost {
			r.lost++
		}
	}
}

// refuse fails the callers that wait and those to come, until the next
// connection.
func (r *roster) refuse(p phase, reason error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.phase, r.reason = p, reason
	for _, e := range r.users {
		r.keep(e, reason)
	}
}

// restored hands out, once each, who was lost and is back and still followed;
// whole says that nobody is missing any more. Before that it hands out nobody,
// unless a part will do.
func (r *roster) restored(part bool) (users []domain.UserID, whole bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	whole = r.lost == 0
	if !whole && !part {
		return nil, false
	}
	for _, user := range r.back {
		if e := r.users[user]; e != nil && e.refs > 0 {
			users = append(users, user)
		}
	}
	r.back = nil
	return users, whole
}

// why is the reason of a connection that does not work.
func (r *roster) why() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.reason == nil {
		return errConnecting
	}
	return r.reason
}
