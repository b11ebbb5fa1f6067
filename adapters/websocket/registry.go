package websocket

import (
	"hash/maphash"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/huleedu/edge/domain"
)

// shardCount is the number of locks of a registry, a power of two.
const shardCount = 64

// stubSessions maps users to their sessions. A returned list is never changed, so that
// it can be read without a lock.
type stubSessions struct {
	seed  maphash.Seed
	total atomic.Int64
	parts [shardCount]registryShard
}

type registryShard struct {
	mu    sync.RWMutex
	users map[domain.UserID][]*session
}

func newStubSessions() *stubSessions {
	x := &stubSessions{seed: maphash.MakeSeed()}
	for i := range x.parts {
		x.parts[i].users = map[domain.UserID][]*session{}
	}
	return x
}

func (x *stubSessions) shard(user domain.UserID) *registryShard {
	return &x.parts[maphash.String(x.seed, string(user))%shardCount]
}

// sessions returns the user's sessions. The caller must not change the slice.
func (x *stubSessions) sessions(user domain.UserID) []*session {
	p := x.shard(user)
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.users[user]
}

// add registers the session unless allowed returns false. allowed is called under
// the lock that all takes as well: all returns every session that was registered
// before admission was closed.
func (x *stubSessions) add(s *session, allowed func() bool) bool {
	p := x.shard(s.caller.User)
	p.mu.Lock()
	defer p.mu.Unlock()
	if !allowed() {
		return false
	}
	x.total.Add(1)
	old := p.users[s.caller.User]
	p.users[s.caller.User] = append(slices.Clip(old), s)
	return true
}

// remove removes a registered session. The caller must call it once only.
func (x *stubSessions) remove(s *session) {
	p := x.shard(s.caller.User)
	p.mu.Lock()
	defer p.mu.Unlock()
	old := p.users[s.caller.User]
	x.total.Add(-1)
	rest := slices.DeleteFunc(slices.Clone(old), func(other *session) bool { return other == s })
	if len(rest) == 0 {
		delete(p.users, s.caller.User)
		return
	}
	p.users[s.caller.User] = rest
}

// all returns every session.
func (x *stubSessions) all() []*session {
	var out []*session
	for i := range x.parts {
		p := &x.parts[i]
		p.mu.RLock()
		for _, list := range p.users {
			out = append(out, list...)
		}
		p.mu.RUnlock()
	}
	return out
}
