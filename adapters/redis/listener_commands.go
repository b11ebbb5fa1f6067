package redis

import (
	"time"

	"github.com/huleedu/edge/domain"
)

// This file contains the methods of subscriptions that the connection calls: commands,
// confirmations, and the start and end of a connection.

// nextCommands returns the channels to subscribe and to unsubscribe, and after which time to
// call it again; 0 means only after a wake. While confirmations are outstanding it returns
// no channels, so that many changes are combined in few commands.
func (s *subscriptions) nextCommands(now time.Time) (subscribe, unsubscribe []string, sleep time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.inFlight > 0 {
		return nil, nil, 0
	}
	defer func() { s.inFlight = len(subscribe) + len(unsubscribe) }()
	for _, user := range s.pending {
		sub := s.users[user]
		if sub == nil || !sub.queued {
			continue
		}
		sub.queued, sub.unsubscribing = false, false
		sub.inFlight++
		subscribe = append(subscribe, s.prefix.channel(user))
	}
	s.pending = nil
	for len(s.idle) > 0 {
		i := s.idle[0]
		if rest := s.linger - now.Sub(i.since); rest > 0 {
			return subscribe, unsubscribe, rest
		}
		s.idle = s.idle[1:]
		sub := s.users[i.user]
		if sub == nil || sub.refs > 0 || sub.unsubscribing || !sub.idleSince.Equal(i.since) {
			continue
		}
		sub.live, sub.unsubscribing = false, true
		sub.inFlight++
		unsubscribe = append(unsubscribe, s.prefix.channel(i.user))
	}
	s.idle = nil
	return subscribe, unsubscribe, 0
}

// confirm records one confirmation by Redis. waited is set if callers waited for it; they have
// waited since the given time.
func (s *subscriptions) confirm(user domain.UserID, subscribed bool) (since time.Time, waited bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sub := s.users[user]
	if sub == nil || sub.inFlight == 0 {
		return time.Time{}, false
	}
	sub.inFlight--
	s.inFlight--
	if s.inFlight == 0 {
		notify(s.wake)
	}
	switch {
	case sub.inFlight > 0 || sub.queued:
		return time.Time{}, false
	case sub.unsubscribing:
		s.remove(user, sub)
		return time.Time{}, false
	case !subscribed:
		return time.Time{}, false
	}
	sub.live = true
	if sub.lost {
		sub.lost = false
		s.lost--
		s.restoredUsers = append(s.restoredUsers, user)
	}
	return sub.waitingSince, s.resolveWaiters(sub, nil)
}

// resolveWaiters ends the wait of callers. It returns false if no caller waited.
func (s *subscriptions) resolveWaiters(sub *subscription, err error) bool {
	if sub.promise == nil {
		return false
	}
	sub.promise.resolve(err)
	sub.promise = nil
	return true
}

// connected starts a new connection: all users must be subscribed.
func (s *subscriptions) connected() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.phase, s.reason, s.restoredUsers, s.inFlight = up, nil, nil, 0
	s.pending = make([]domain.UserID, 0, len(s.users))
	for user, sub := range s.users {
		sub.queued = true
		s.pending = append(s.pending, user)
	}
	notify(s.wake)
}

// disconnected ends a connection and resets all subscriptions. Callers continue to wait,
// because the next attempt follows at once.
func (s *subscriptions) disconnected(reason error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.phase, s.reason = connecting, reason
	s.pending, s.idle, s.restoredUsers, s.lost = nil, nil, nil, 0
	for user, sub := range s.users {
		if sub.refs == 0 {
			delete(s.users, user)
			continue
		}
		sub.lost = sub.lost || sub.live
		sub.live, sub.unsubscribing, sub.queued, sub.inFlight = false, false, false, 0
		if sub.lost {
			s.lost++
		}
	}
}

// failWaiters fails the waiting callers and all later ones until the next connection.
func (s *subscriptions) failWaiters(p phase, reason error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.phase, s.reason = p, reason
	for _, sub := range s.users {
		s.resolveWaiters(sub, reason)
	}
}

// takeRestored returns the followed users whose lost subscription is restored, once each.
// whole is set if no user is missing. Without part it returns no users before that.
func (s *subscriptions) takeRestored(part bool) (users []domain.UserID, whole bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	whole = s.lost == 0
	if !whole && !part {
		return nil, false
	}
	for _, user := range s.restoredUsers {
		if sub := s.users[user]; sub != nil && sub.refs > 0 {
			users = append(users, user)
		}
	}
	s.restoredUsers = nil
	return users, whole
}

// downReason returns why the connection does not work.
func (s *subscriptions) downReason() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.reason == nil {
		return errConnecting
	}
	return s.reason
}
