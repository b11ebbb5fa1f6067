// Package recent remembers keys for a while, with bounded memory.
package recent

import (
	"hash/maphash"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
)

// Set remembers keys for a fixed time. It stores a keyed hash instead of each
// key, which may be a token. When it is full, the oldest key is dropped. It is safe for
// concurrent use. The nil set is empty.
type Set struct {
	ttl  time.Duration
	seed maphash.Seed
	keys *lru.Cache[uint64, time.Time] // when each key was added
}

// New returns a set that remembers each key for ttl and holds at most the
// given number of keys, which must be positive.
func New(ttl time.Duration, capacity int) *Set {
	keys, err := lru.New[uint64, time.Time](capacity)
	if err != nil {
		panic(err)
	}
	return &Set{ttl: ttl, seed: maphash.MakeSeed(), keys: keys}
}

// Has reports whether the key is remembered.
func (r *Set) Has(key string) bool {
	if r == nil {
		return false
	}
	added, known := r.keys.Peek(maphash.String(r.seed, key))
	return known && time.Since(added) < r.ttl
}

// Add remembers the key from now on. It returns false and changes nothing when the
// key is remembered already.
func (r *Set) Add(key string) bool {
	if r == nil || r.Has(key) {
		return false
	}
	r.keys.Add(maphash.String(r.seed, key), time.Now())
	return true
}

// Remove forgets the key.
func (r *Set) Remove(key string) {
	if r != nil {
		r.keys.Remove(maphash.String(r.seed, key))
	}
}
