package jwt

import (
	"crypto/sha256"
	"sync"
	"time"

	"github.com/huleedu/edge/domain"
)

// maxCached bounds the verified tokens that are remembered: two generations of
// half this number.
const maxCached = 16384

// tokenHash stands for a token, so that no token lies in memory for longer
// than its request.
type tokenHash = [sha256.Size]byte

// hashToken hashes a token. One of usual length is copied to the stack, so
// that asking the cache costs no memory. The copy must not lie below all that
// judges the token: the stack of a new connection would grow for it.
//
//go:noinline
func hashToken(token string) tokenHash {
	var usual [2048]byte
	return sha256.Sum256(append(usual[:0], token...))
}

// cache remembers who verified tokens spoke for. Entries age in two
// generations: when the younger is full it becomes the older, whose entries
// are forgotten unless they were asked for meanwhile. That is one map access
// per hit, no list and no sweeping.
type cache struct {
	mu                sync.Mutex
	current, previous map[tokenHash]domain.Caller
}

func newCache() *cache { return &cache{current: map[tokenHash]domain.Caller{}} }

// get returns the caller of a token, expired or not.
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

// put remembers a verified token.
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
