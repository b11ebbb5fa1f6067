package redis

import (
	"context"
	"time"

	goredis "github.com/redis/go-redis/v9"
)

// Waiting is how many questions wait for a round trip.
func Waiting(l *RateLimiter) int {
	l.queue.mu.Lock()
	defer l.queue.mu.Unlock()
	if l.queue.next == nil {
		return 0
	}
	return len(l.queue.next.asked)
}

// BeforePipelines calls do before each pipeline that the quota sends.
func (q *Quota) BeforePipelines(do func()) { q.rdb.AddHook(before(do)) }

type before func()

func (before) DialHook(next goredis.DialHook) goredis.DialHook { return next }

func (before) ProcessHook(next goredis.ProcessHook) goredis.ProcessHook { return next }

func (b before) ProcessPipelineHook(next goredis.ProcessPipelineHook) goredis.ProcessPipelineHook {
	return func(ctx context.Context, commands []goredis.Cmder) error {
		b()
		return next(ctx, commands)
	}
}

// Pause is the wait before the next attempt to connect.
func Pause(ctx context.Context, attempt int) { pause(ctx, attempt) }

// Remembering returns a memory of refusals by its two operations.
func Remembering() (remember func(key string, ends time.Time), left func(key string) time.Duration) {
	r := newRefusals()
	return r.remember, r.left
}
