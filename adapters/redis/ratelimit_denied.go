package redis

import (
	"hash/maphash"
	"sync"
	"time"
)

// maxDenied bounds how many refusals are remembered: about 4 MB. One that is
// forgotten costs another question.
const maxDenied = 1 << 16

// deniedCache remembers windows that are full until they end.
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

// hash stands for a key: a keyed hash, small and aimed at by nobody.
func (r *deniedCache) hash(key string) [2]uint64 {
	return [2]uint64{maphash.String(r.seeds[0], key), maphash.String(r.seeds[1], key)}
}

// remaining is how long the key's window is still known to be full.
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

// add notes that the key's window is full until it ends.
func (r *deniedCache) add(key string, ends time.Time) {
	mark := r.hash(key)
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.current) >= maxDenied/2 {
		r.previous, r.current = r.current, map[[2]uint64]time.Time{}
	}
	r.current[mark] = ends
}
