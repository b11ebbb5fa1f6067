package jwt

import (
	"crypto/sha256"
	"sync"
	"time"
)

const (
	// maxUnknown bounds the key ids that are remembered, in two generations of half
	// this number. Each takes a hash and a time, however long the id is.
	maxUnknown = 4096
	// unknownTTL is how long a key id is remembered: as long as a key set is served.
	unknownTTL = maxStale
)

// unknownKeys remembers when key ids were first asked for that no key set had. It
// is safe for any number of callers. When it is full, the older half is forgotten;
// such an id is then treated as one that is new.
type unknownKeys struct {
	mu                sync.Mutex
	current, previous map[tokenHash]time.Time
}

// firstSeen returns when the key id was first asked for, and remembers now for one
// that is new or was forgotten.
func (u *unknownKeys) firstSeen(kid string, now time.Time) time.Time {
	of := sha256.Sum256([]byte(kid))
	u.mu.Lock()
	defer u.mu.Unlock()
	first, young := u.current[of]
	if !young {
		first = u.previous[of] // zero, which is long ago, for an id that is new
	}
	expired := now.Sub(first) > unknownTTL
	if expired {
		first = now
	}
	if !young || expired {
		u.add(of, first)
	}
	return first
}

func (u *unknownKeys) add(of tokenHash, first time.Time) {
	if u.current == nil || len(u.current) >= maxUnknown/2 {
		u.previous, u.current = u.current, map[tokenHash]time.Time{}
	}
	u.current[of] = first
}
