package jwt

import (
	"crypto/sha256"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/huleedu/edge/domain"
)

const (
	// maxCached is the maximum number of cached tokens.
	maxCached = 16384
	// maxUnknown is the maximum number of unknown key ids whose first use is stored. A token
	// with such an id is 503 until a later fetch of the key set has succeeded, then 401.
	maxUnknown = 4096
	// unknownTTL is how long an unknown key id is stored: as long as an old key set is used.
	unknownTTL = maxStale
)

// tokenHash identifies a token or a key id, so that no token stays in memory after its
// request, and a long key id takes no more memory than a short one.
type tokenHash = [sha256.Size]byte

// hashToken hashes a token. It copies a token of usual length to the stack, so that it does
// not allocate. It is not inlined, because the copy would enlarge the stack frame of its
// caller, and so the stack of each new connection.
//
//go:noinline
func hashToken(token string) tokenHash {
	var usual [2048]byte
	return sha256.Sum256(append(usual[:0], token...))
}

// callerCache holds the callers of the most recently used valid tokens, also of expired ones.
type callerCache = lru.Cache[tokenHash, domain.Caller]

// unknownKeys holds when each unknown key id was first seen. An id that was dropped counts as
// new.
type unknownKeys struct {
	seen *lru.Cache[tokenHash, time.Time]
}

// firstSeen returns when the key id was first seen. It stores now for an id that is new.
func (u unknownKeys) firstSeen(kid string, now time.Time) time.Time {
	id := sha256.Sum256([]byte(kid))
	if first, known := u.seen.Get(id); known && now.Sub(first) <= unknownTTL {
		return first
	}
	u.seen.Add(id, now)
	return now
}

// newLRU returns a cache that drops the least recently used of more than size entries. It is
// safe for concurrent use.
func newLRU[V any](size int) *lru.Cache[tokenHash, V] {
	c, _ := lru.New[tokenHash, V](size) // fails only for a size below 1
	return c
}
