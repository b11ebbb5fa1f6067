package delivery

import (
	"maps"
	"slices"
	"sync"

	"github.com/huleedu/edge/domain"
)

// registry maps users to their sessions. A returned list is never changed, so that it
// can be read without a lock. It is safe for concurrent use.
type registry struct {
	mu    sync.RWMutex
	users map[domain.UserID][]*Session
	total int
	// closing holds sessions that were removed, until their connections have ended.
	closing map[*Session]struct{}
}

func newRegistry() *registry {
	return &registry{users: map[domain.UserID][]*Session{}, closing: map[*Session]struct{}{}}
}

// sessions returns the user's sessions. The caller must not change the slice.
func (r *registry) sessions(user domain.UserID) []*Session {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.users[user]
}

// count returns the number of registered sessions.
func (r *registry) count() int {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.total
}

// add registers the session unless allowed returns false. allowed is called under
// the lock that all takes as well: all returns every session that was registered
// before admission was closed.
func (r *registry) add(s *Session, allowed func() bool) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !allowed() {
		return false
	}
	r.total++
	r.users[s.User] = append(slices.Clip(r.users[s.User]), s)
	return true
}

// remove removes a registered session whose connection is to be closed. It must be
// called once only, and forget after it.
func (r *registry) remove(s *Session) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.total--
	r.closing[s] = struct{}{}
	rest := slices.DeleteFunc(slices.Clone(r.users[s.User]), func(other *Session) bool { return other == s })
	if len(rest) == 0 {
		delete(r.users, s.User)
		return
	}
	r.users[s.User] = rest
}

// forget ends the memory of a removed session.
func (r *registry) forget(s *Session) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.closing, s)
}

// discard removes a session that has no connection.
func (r *registry) discard(s *Session) {
	r.remove(s)
	r.forget(s)
}

// all returns every registered session.
func (r *registry) all() []*Session {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return slices.Concat(slices.Collect(maps.Values(r.users))...)
}

// unfinished returns the registered sessions and those whose connections have not
// ended yet.
func (r *registry) unfinished() []*Session {
	out := r.all()
	r.mu.RLock()
	defer r.mu.RUnlock()
	return slices.AppendSeq(out, maps.Keys(r.closing))
}
