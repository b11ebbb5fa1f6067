package redis

import (
	"context"
	"time"

	goredis "github.com/redis/go-redis/v9"
)

// Waiting is how many questions wait for a round trip.
func Waiting(l *RateLimiter) int {
	l.requests.mu.Lock()
	defer l.requests.mu.Unlock()
	if l.requests.next == nil {
		return 0
	}
	return len(l.requests.next.requests)
}

// BeforeRenewals calls do before each renewal that the quota asks for.
func (q *Quota) BeforeRenewals(do func()) { q.rdb.AddHook(before{q.store.extendScript.Hash(), do}) }

// before calls something before a script.
type before struct {
	script string
	do     func()
}

func (before) DialHook(next goredis.DialHook) goredis.DialHook { return next }

func (b before) ProcessHook(next goredis.ProcessHook) goredis.ProcessHook {
	return func(ctx context.Context, c goredis.Cmder) error {
		if args := c.Args(); args[0] == "evalsha" && args[1] == b.script {
			b.do()
		}
		return next(ctx, c)
	}
}

func (before) ProcessPipelineHook(next goredis.ProcessPipelineHook) goredis.ProcessPipelineHook {
	return next
}

// NewDeniedCache returns a memory of refusals by its two operations.
func NewDeniedCache() (remember func(key string, ends time.Time), left func(key string) time.Duration) {
	r := newDeniedCache()
	return r.add, r.remaining
}

// GapMargin is how long before the last sign of life a gap begins.
const GapMargin = gapMargin
