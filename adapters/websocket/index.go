package websocket

import (
	"hash/maphash"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/huleedu/edge/domain"
)

// shards is how many locks the index is spread over; a power of two.
const shards = 64

// index finds the sessions of a user. A list that was handed out is never
// changed: a reader walks it without a lock.
type index struct {
	seed  maphash.Seed
	size  atomic.Int64
	parts [shards]shard
}

type shard struct {
	mu    sync.RWMutex
	users map[domain.UserID][]*session
}

func newIndex() *index {
	x := &index{seed: maphash.MakeSeed()}
	for i := range x.parts {
		x.parts[i].users = map[domain.UserID][]*session{}
	}
	return x
}

func (x *index) shard(user domain.UserID) *shard {
	return &x.parts[maphash.String(x.seed, string(user))%shards]
}

// of returns the user's sessions; the caller must not change the slice.
func (x *index) of(user domain.UserID) []*session {
	p := x.shard(user)
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.users[user]
}

// add enters the session unless allowed says no. It is asked under the lock
// that all takes too: a session is either refused or seen.
func (x *index) add(s *session, allowed func() bool) bool {
	p := x.shard(s.caller.User)
	p.mu.Lock()
	defer p.mu.Unlock()
	if !allowed() {
		return false
	}
	x.size.Add(1)
	old := p.users[s.caller.User]
	p.users[s.caller.User] = append(slices.Clip(old), s)
	return true
}

// remove takes a session out that is in; the caller sees to it that it does so
// once.
func (x *index) remove(s *session) {
	p := x.shard(s.caller.User)
	p.mu.Lock()
	defer p.mu.Unlock()
	old := p.users[s.caller.User]
	x.size.Add(-1)
	rest := slices.DeleteFunc(slices.Clone(old), func(other *session) bool { return other == s })
	if len(rest) == 0 {
		delete(p.users, s.caller.User)
		return
	}
	p.users[s.caller.User] = rest
}

// all returns every session.
func (x *index) all() []*session {
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
