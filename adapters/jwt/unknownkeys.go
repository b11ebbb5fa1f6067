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
	// unknownLife is how long a key id is remembered: as long as a key set is served.
	unknownLife = maxStale
)

// unknownKeys remembers when key ids were first asked for that no key set had. It
// is safe for any number of callers. When it is full, the older half is forgotten;
// such an id is then treated as one that is new.
type unknownKeys struct {
	mu           sync.Mutex
	young, older map[fingerprint]time.Time
}

// firstSeen returns when the key id was first asked for, and remembers now for one
// that is new or was forgotten.
func (u *unknownKeys) firstSeen(kid string, now time.Time) time.Time {
	of := sha256.Sum256([]byte(kid))
	u.mu.Lock()
	defer u.mu.Unlock()
	first, young := u.young[of]
	if !young {
		first = u.older[of] // zero, which is long ago, for an id that is new
	}
	expired := now.Sub(first) > unknownLife
	if expired {
		first = now
	}
	if !young || expired {
		u.keep(of, first)
	}
	return first
}

func (u *unknownKeys) keep(of fingerprint, first time.Time) {
	if u.young == nil || len(u.young) >= maxUnknown/2 {
		u.older, u.young = u.young, map[fingerprint]time.Time{}
	}
	u.young[of] = first
}
