package redis

import (
	"context"
	"time"

	goredis "github.com/redis/go-redis/v9"
)

// Waiting returns the number of requests in the next batch.
func Waiting(l *RateLimiter) int {
	l.requests.mu.Lock()
	defer l.requests.mu.Unlock()
	if l.requests.next == nil {
		return 0
	}
	return len(l.requests.next.requests)
}

// BeforeRenewals calls do before each renewal.
func (q *Quota) BeforeRenewals(do func()) { q.rdb.AddHook(before{q.renew.script.Hash(), do}) }

// before is a hook that calls do before a script.
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

// NewDeniedCache returns the methods of a new cache.
func NewDeniedCache() (add func(key string, ends time.Time), remaining func(key string) time.Duration) {
	c := newDeniedCache()
	return c.add, c.remaining
}

// GapMargin is the time between the beginning of a gap and the last received message.
const GapMargin = gapMargin
