package jwt

import (
	"crypto/sha256"
	"sync"
	"time"
)

const (
	// maxUnknown is the maximum number of stored key ids, in two generations of half this
	// number. Each needs a hash and a time, independent of the length of the id.
	maxUnknown = 4096
	// unknownTTL is how long a key id is stored: as long as an old key set is used.
	unknownTTL = maxStale
)

// unknownKeys stores when each unknown key id was first seen. It is safe for concurrent use.
// When it is full, it deletes the older half; a deleted id counts as new.
type unknownKeys struct {
	mu                sync.Mutex
	current, previous map[tokenHash]time.Time
}

// firstSeen returns when the key id was first seen. It stores now for an id that is new or
// was deleted.
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
