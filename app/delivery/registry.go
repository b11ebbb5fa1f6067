package delivery

import (
	"hash/maphash"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/huleedu/edge/domain"
)

// shardCount is the number of locks of a registry, a power of two.
const shardCount = 64

// registry maps users to their sessions. A returned list is never changed, so that it
// can be read without a lock.
type registry struct {
	seed   maphash.Seed
	total  atomic.Int64
	shards [shardCount]registryShard
}

type registryShard struct {
	mu    sync.RWMutex
	users map[domain.UserID][]*Session
	// closing holds sessions that were removed, until their connections have ended.
	closing map[*Session]struct{}
}

func newRegistry() *registry {
	r := &registry{seed: maphash.MakeSeed()}
	for i := range r.shards {
		r.shards[i].users, r.shards[i].closing = map[domain.UserID][]*Session{}, map[*Session]struct{}{}
	}
	return r
}

func (r *registry) shard(user domain.UserID) *registryShard {
	return &r.shards[maphash.String(r.seed, string(user))%shardCount]
}

// sessions returns the user's sessions. The caller must not change the slice.
func (r *registry) sessions(user domain.UserID) []*Session {
	p := r.shard(user)
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.users[user]
}

// add registers the session unless allowed returns false. allowed is called under
// the lock that all takes as well: all returns every session that was registered
// before admission was closed.
func (r *registry) add(s *Session, allowed func() bool) bool {
	p := r.shard(s.caller.User)
	p.mu.Lock()
	defer p.mu.Unlock()
	if !allowed() {
		return false
	}
	r.total.Add(1)
	old := p.users[s.caller.User]
	p.users[s.caller.User] = append(slices.Clip(old), s)
	return true
}

// remove removes a registered session whose connection is to be closed. It must be
// called once only, and forget after it.
func (r *registry) remove(s *Session) {
	p := r.shard(s.caller.User)
	p.mu.Lock()
	defer p.mu.Unlock()
	r.total.Add(-1)
	p.closing[s] = struct{}{}
	rest := slices.DeleteFunc(slices.Clone(p.users[s.caller.User]), func(other *Session) bool { return other == s })
	if len(rest) == 0 {
		delete(p.users, s.caller.User)
		return
	}
	p.users[s.caller.User] = rest
}

// forget ends the memory of a removed session.
func (r *registry) forget(s *Session) {
	p := r.shard(s.caller.User)
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.closing, s)
}

// discard removes a session that has no connection.
func (r *registry) discard(s *Session) {
	r.remove(s)
	r.forget(s)
}

// all returns every registered session.
func (r *registry) all() []*Session { return r.collect(false) }

// unfinished returns the registered sessions and those whose connections have not
// ended yet.
func (r *registry) unfinished() []*Session { return r.collect(true) }

func (r *registry) collect(closing bool) []*Session {
	var out []*Session
	for i := range r.shards {
		p := &r.shards[i]
		p.mu.RLock()
		for _, list := range p.users {
			out = append(out, list...)
		}
		if closing {
			out = slices.AppendSeq(out, maps.Keys(p.closing))
		}
		p.mu.RUnlock()
	}
	return out
}
