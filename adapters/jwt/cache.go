package jwt

import (
	"crypto/sha256"
	"sync"
	"time"

	"github.com/huleedu/edge/domain"
)

// maxCached is the maximum number of cached tokens, in two generations of half this number.
const maxCached = 16384

// tokenHash identifies a token, so that no token stays in memory after its request.
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

// cache caches the callers of valid tokens. It has two generations: when current is full, it
// becomes previous, and the old previous is deleted. An entry that is read moves to current.
// A hit costs one map access.
type cache struct {
	mu                sync.Mutex
	current, previous map[tokenHash]domain.Caller
}

func newCache() *cache { return &cache{current: map[tokenHash]domain.Caller{}} }

// get returns the caller of a token, also of an expired one.
func (c *cache) get(of tokenHash) (domain.Caller, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if caller, known := c.current[of]; known {
		return caller, true
	}
	caller, known := c.previous[of]
	if known {
		c.add(of, caller)
	}
	return caller, known
}

// put caches a valid token.
func (c *cache) put(of tokenHash, caller domain.Caller) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.add(of, caller)
}

func (c *cache) add(of tokenHash, caller domain.Caller) {
	if len(c.current) >= maxCached/2 {
		c.previous, c.current = c.current, map[tokenHash]domain.Caller{}
	}
	c.current[of] = caller
}

// valid returns the caller of a token that has not expired.
func (c *cache) valid(of tokenHash, now time.Time) (domain.Caller, bool) {
	caller, known := c.get(of)
	return caller, known && now.Before(caller.Expires)
}
