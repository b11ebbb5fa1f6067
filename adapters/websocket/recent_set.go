package websocket

import (
	"hash/maphash"
	"sync"
	"time"
)

// recentSet remembers keys for a fixed time. It stores a keyed 128-bit hash instead
// of each key. It holds a fixed number of keys at most; when it is full, the oldest
// keys are dropped first. It is safe for concurrent use. The nil set is empty.
type recentSet struct {
	ttl            time.Duration
	generationSize int // maximum number of keys per generation
	seeds          [2]maphash.Seed

	mu sync.Mutex
	// A full current generation replaces the previous one, which is dropped.
	current, previous map[recentKey]time.Time
}

type recentKey [2]uint64

// newRecentSet returns a set that remembers each key for the given time and holds at
// most the given number of keys.
func newRecentSet(keep time.Duration, most int) *recentSet {
	return &recentSet{
		ttl: keep, generationSize: max(most/2, 1), seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()},
		current: map[recentKey]time.Time{},
	}
}

func (r *recentSet) hash(key string) recentKey {
	return recentKey{maphash.String(r.seeds[0], key), maphash.String(r.seeds[1], key)}
}

// has reports whether the key is remembered.
func (r *recentSet) has(key string) bool {
	if r == nil {
		return false
	}
	k := r.hash(key)
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.contains(k)
}

// contains is has under the lock.
func (r *recentSet) contains(k recentKey) bool {
	added, known := r.current[k]
	if !known {
		added, known = r.previous[k]
	}
	return known && time.Since(added) < r.ttl
}

// remove forgets the key.
func (r *recentSet) remove(key string) {
	if r == nil {
		return
	}
	k := r.hash(key)
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.current, k)
	delete(r.previous, k)
}

// add remembers the key from now on. It returns false and changes nothing when the
// key is remembered already.
func (r *recentSet) add(key string) bool {
	if r == nil {
		return false
	}
	k := r.hash(key)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.contains(k) {
		return false
	}
	if len(r.current) >= r.generationSize {
		r.previous, r.current = r.current, make(map[recentKey]time.Time)
	}
	r.current[k] = time.Now()
	return true
}
