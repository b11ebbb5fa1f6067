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

// fingerprint stands for a token, so that no token lies in memory for longer
// than its request.
type fingerprint = [sha256.Size]byte

// fingerprintOf hashes a token. One of usual length is copied to the stack, so
// that asking the cache costs no memory. The copy must not lie below all that
// judges the token: the stack of a new connection would grow for it.
//
//go:noinline
func fingerprintOf(token string) fingerprint {
	var usual [2048]byte
	return sha256.Sum256(append(usual[:0], token...))
}

// cache remembers who verified tokens spoke for. Entries age in two
// generations: when the younger is full it becomes the older, whose entries
// are forgotten unless they were asked for meanwhile. That is one map access
// per hit, no list and no sweeping.
type cache struct {
	mu           sync.Mutex
	young, older map[fingerprint]domain.Caller
}

func newCache() *cache { return &cache{young: map[fingerprint]domain.Caller{}} }

// get returns the caller of a token, expired or not.
func (c *cache) get(of fingerprint) (domain.Caller, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if caller, known := c.young[of]; known {
		return caller, true
	}
	caller, known := c.older[of]
	if known {
		c.keep(of, caller)
	}
	return caller, known
}

// put remembers a verified token.
func (c *cache) put(of fingerprint, caller domain.Caller) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.keep(of, caller)
}

func (c *cache) keep(of fingerprint, caller domain.Caller) {
	if len(c.young) >= maxCached/2 {
		c.older, c.young = c.young, map[fingerprint]domain.Caller{}
	}
	c.young[of] = caller
}

// live returns the caller of a token that has not expired.
func (c *cache) live(of fingerprint, now time.Time) (domain.Caller, bool) {
	caller, known := c.get(of)
	return caller, known && now.Before(caller.Expires)
}
