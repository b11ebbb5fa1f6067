package memory

import (
	"context"
	"hash/maphash"
	"sync"
	"time"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// maxWindows limits the number of stored windows, to about 7 MB. When it is exceeded the
// older half is deleted, so that its parties can make additional requests.
const maxWindows = 1 << 16

// RateLimiter counts requests in fixed windows in this process. A node also uses it as the
// fallback when Redis is unavailable.
type RateLimiter struct {
	seeds [2]maphash.Seed

	mu sync.Mutex
	// Windows are stored in two generations, so that old windows are deleted without a
	// search. A new window is stored in current. When current is full, or older than the
	// longest window, it becomes previous, and the old previous is deleted.
	current, previous map[windowKey]*window
	rotateAt          time.Time
	longest           time.Duration
}

var _ ports.RateLimiter = (*RateLimiter)(nil)

// windowKey is a keyed 128-bit hash of party and class. It has a fixed size, and a client
// cannot produce a collision.
type windowKey [2]uint64

type window struct {
	count int
	ends  time.Time
}

// NewRateLimiter returns a limiter without windows.
func NewRateLimiter() *RateLimiter {
	return &RateLimiter{
		seeds:   [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()},
		current: map[windowKey]*window{},
	}
}

// Take counts one request and returns the decision.
func (l *RateLimiter) Take(_ context.Context, party string, limit domain.Limit) domain.RateDecision {
	key, now := l.key(party, limit.Class), time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	w := l.find(key)
	if w == nil || !now.Before(w.ends) {
		w = l.startWindow(key, now, limit.Window)
	}
	left := w.ends.Sub(now)
	if w.count >= limit.Max {
		return domain.RateDecision{Reset: left}
	}
	w.count++
	return domain.RateDecision{Allowed: true, Remaining: limit.Max - w.count, Reset: left}
}

// key hashes class and party, separated by a zero byte, which no class contains.
func (l *RateLimiter) key(party string, class domain.LimitClass) windowKey {
	var out windowKey
	for i, seed := range l.seeds {
		var h maphash.Hash
		h.SetSeed(seed)
		_, _ = h.WriteString(string(class)) // writes to a hash never fail
		_ = h.WriteByte(0)
		_, _ = h.WriteString(party)
		out[i] = h.Sum64()
	}
	return out
}

func (l *RateLimiter) find(key windowKey) *window {
	if w := l.current[key]; w != nil {
		return w
	}
	return l.previous[key]
}

// startWindow starts a window. An expired window of the key can remain in previous; find returns the
// new one first.
func (l *RateLimiter) startWindow(key windowKey, now time.Time, length time.Duration) *window {
	l.longest = max(l.longest, length)
	if len(l.current) >= maxWindows/2 || now.After(l.rotateAt) {
		l.previous, l.current = l.current, map[windowKey]*window{}
		l.rotateAt = now.Add(l.longest)
	}
	w := &window{ends: now.Add(length)}
	l.current[key] = w
	return w
}
