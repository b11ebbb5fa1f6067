package redis

import (
	"hash/maphash"
	"sync"
	"time"
)

// maxDenied is the maximum number of cached windows, about 4 MB. The next request of a
// window that was evicted asks Redis again.
const maxDenied = 1 << 16

// deniedCache caches windows that are full until they end.
type deniedCache struct {
	seeds [2]maphash.Seed

	mu sync.Mutex
	// The ends of windows in two generations. When current is full, it becomes previous, and
	// the old previous is deleted.
	current, previous map[[2]uint64]time.Time
}

func newDeniedCache() *deniedCache {
	return &deniedCache{
		seeds:   [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()},
		current: map[[2]uint64]time.Time{},
	}
}

// hash returns a keyed hash of the key. A client cannot produce a collision.
func (r *deniedCache) hash(key string) [2]uint64 {
	return [2]uint64{maphash.String(r.seeds[0], key), maphash.String(r.seeds[1], key)}
}

// remaining returns how long the window of the key is known to be full.
func (r *deniedCache) remaining(key string) time.Duration {
	mark := r.hash(key)
	r.mu.Lock()
	defer r.mu.Unlock()
	ends, known := r.current[mark]
	if !known {
		ends, known = r.previous[mark]
	}
	if !known {
		return 0
	}
	return time.Until(ends)
}

// add stores that the window of the key is full until it ends.
func (r *deniedCache) add(key string, ends time.Time) {
	mark := r.hash(key)
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.current) >= maxDenied/2 {
		r.previous, r.current = r.current, map[[2]uint64]time.Time{}
	}
	r.current[mark] = ends
}
