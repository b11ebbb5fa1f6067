package memory

import (
	"context"
	"crypto/sha256"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// maxWindows is the maximum number of windows, about 13 MB. When it is exceeded, the least
// recently used window is deleted, so that its party can make additional requests.
const maxWindows = 1 << 16

// RateLimiter counts requests in fixed windows in this process. A node also uses it as the
// fallback when Redis is unavailable.
type RateLimiter struct {
	mu      sync.Mutex
	windows *simplelru.LRU[windowKey, *window]
}

var _ ports.RateLimiter = (*RateLimiter)(nil)

// windowKey is the hash of a class and a party. It has a fixed size, because a party can be
// long.
type windowKey [sha256.Size]byte

type window struct {
	count int
	ends  time.Time
}

// NewRateLimiter returns a limiter without windows.
func NewRateLimiter() *RateLimiter {
	return &RateLimiter{windows: newLRU[windowKey, *window](maxWindows)}
}

// Take counts one request and returns the decision.
func (l *RateLimiter) Take(_ context.Context, party string, limit domain.Limit) domain.RateDecision {
	key := windowKey(sha256.Sum256([]byte(string(limit.Class) + "\x00" + party))) // no class contains a zero byte
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	w, known := l.windows.Get(key)
	if !known || !now.Before(w.ends) {
		w = &window{ends: now.Add(limit.Window)}
		l.windows.Add(key, w)
	}
	left := w.ends.Sub(now)
	if w.count >= limit.Max {
		return domain.RateDecision{Reset: left}
	}
	w.count++
	return domain.RateDecision{Allowed: true, Remaining: limit.Max - w.count, Reset: left}
}
