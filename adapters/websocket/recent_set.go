package websocket

import (
	"hash/maphash"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
)

// recentSet remembers keys for a fixed time. It stores a keyed hash instead of each
// key, which may be a token. When it is full, the oldest key is dropped. It is safe for
// concurrent use. The nil set is empty.
type recentSet struct {
	ttl  time.Duration
	seed maphash.Seed
	keys *lru.Cache[uint64, time.Time] // when each key was added
}

// newRecentSet returns a set that remembers each key for ttl and holds at most the
// given number of keys, which must be positive.
func newRecentSet(ttl time.Duration, capacity int) *recentSet {
	keys, err := lru.New[uint64, time.Time](capacity)
	if err != nil {
		panic(err)
	}
	return &recentSet{ttl: ttl, seed: maphash.MakeSeed(), keys: keys}
}

// has reports whether the key is remembered.
func (r *recentSet) has(key string) bool {
	if r == nil {
		return false
	}
	added, known := r.keys.Peek(maphash.String(r.seed, key))
	return known && time.Since(added) < r.ttl
}

// add remembers the key from now on. It returns false and changes nothing when the
// key is remembered already.
func (r *recentSet) add(key string) bool {
	if r == nil || r.has(key) {
		return false
	}
	r.keys.Add(maphash.String(r.seed, key), time.Now())
	return true
}

// remove forgets the key.
func (r *recentSet) remove(key string) {
	if r != nil {
		r.keys.Remove(maphash.String(r.seed, key))
	}
}
