package memory

import (
	"context"
	"hash/maphash"
	"sync"
	"time"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// maxWindows bounds how many windows a Limiter holds: about 7 MB. Past it the
// older half is forgotten, which only lets their parties make some more
// requests.
const maxWindows = 1 << 16

// Limiter counts requests in fixed windows for one process. It is also what a
// node falls back to when it cannot ask the others.
type Limiter struct {
	seeds [2]maphash.Seed

	mu sync.Mutex
	// The windows in two generations, so that old ones go without being looked
	// for: a window begins in young; when that is full, or as old as the longest
	// window, young takes the place of old, which is dropped.
	young, old map[windowKey]*window
	turn       time.Time
	longest    time.Duration
}

var _ ports.RateLimiter = (*Limiter)(nil)

// windowKey stands for a party and a class. A keyed hash of 128 bits keeps a
// window small whatever a party is called, and nobody can aim at another's.
type windowKey [2]uint64

type window struct {
	count int
	ends  time.Time
}

// NewLimiter returns a limiter that has counted nothing.
func NewLimiter() *Limiter {
	return &Limiter{
		seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()},
		young: map[windowKey]*window{},
	}
}

// Take counts the request.
func (l *Limiter) Take(_ context.Context, party string, limit domain.Limit) domain.Allowance {
	key, now := l.key(party, limit.Class), time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	w := l.find(key)
	if w == nil || !now.Before(w.ends) {
		w = l.begin(key, now, limit.Window)
	}
	left := w.ends.Sub(now)
	if w.count >= limit.Max {
		return domain.Allowance{Reset: left}
	}
	w.count++
	return domain.Allowance{Allowed: true, Remaining: limit.Max - w.count, Reset: left}
}

// key hashes class and party; no class holds the byte between them.
func (l *Limiter) key(party string, class domain.LimitClass) windowKey {
	var out windowKey
	for i, seed := range l.seeds {
		var h maphash.Hash
		h.SetSeed(seed)
		_, _ = h.WriteString(string(class)) // never fails
		_ = h.WriteByte(0)
		_, _ = h.WriteString(party)
		out[i] = h.Sum64()
	}
	return out
}

func (l *Limiter) find(key windowKey) *window {
	if w := l.young[key]; w != nil {
		return w
	}
	return l.old[key]
}

// begin opens a window. One of the key that is over may still be in the old
// generation; it is not found there any more.
func (l *Limiter) begin(key windowKey, now time.Time, length time.Duration) *window {
	l.longest = max(l.longest, length)
	if len(l.young) >= maxWindows/2 || now.After(l.turn) {
		l.old, l.young = l.young, map[windowKey]*window{}
		l.turn = now.Add(l.longest)
	}
	w := &window{ends: now.Add(length)}
	l.young[key] = w
	return w
}
