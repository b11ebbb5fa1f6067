package redis

import (
	"hash/maphash"
	"sync"
	"time"
)

// maxRefusals bounds how many refusals are remembered: about 4 MB. One that is
// forgotten costs another question.
const maxRefusals = 1 << 16

// refusals remembers windows that are full until they end.
type refusals struct {
	seeds [2]maphash.Seed

	mu sync.Mutex
	// The ends of windows in two generations: when young is full, it takes the
	// place of old, which is dropped.
	young, old map[[2]uint64]time.Time
}

func newRefusals() *refusals {
	return &refusals{
		seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()},
		young: map[[2]uint64]time.Time{},
	}
}

// mark stands for a key: a keyed hash, small and aimed at by nobody.
func (r *refusals) mark(key string) [2]uint64 {
	return [2]uint64{maphash.String(r.seeds[0], key), maphash.String(r.seeds[1], key)}
}

// left is how long the key's window is still known to be full.
func (r *refusals) left(key string) time.Duration {
	mark := r.mark(key)
	r.mu.Lock()
	defer r.mu.Unlock()
	ends, known := r.young[mark]
	if !known {
		ends, known = r.old[mark]
	}
	if !known {
		return 0
	}
	return time.Until(ends)
}

// remember notes that the key's window is full until it ends.
func (r *refusals) remember(key string, ends time.Time) {
	mark := r.mark(key)
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.young) >= maxRefusals/2 {
		r.old, r.young = r.young, map[[2]uint64]time.Time{}
	}
	r.young[mark] = ends
}
