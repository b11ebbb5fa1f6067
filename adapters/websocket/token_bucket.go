package websocket

import (
	"math"
	"sync"
	"time"
)

// tokenBucket holds tokens, one for each thing that is allowed, and is full at the
// beginning. It remembers only until when the tokens that were taken are being
// replaced. The zero value allows everything.
type tokenBucket struct {
	interval time.Duration // until one token is replaced
	capacity time.Duration // until a whole bucket is
	fullAt   time.Time
}

// newTokenBucket holds so many tokens, which are all replaced in the given time; 0
// sets no limit.
func newTokenBucket(tokens int, in time.Duration) tokenBucket {
	if tokens <= 0 {
		return tokenBucket{}
	}
	gap := in / time.Duration(tokens)
	return tokenBucket{interval: gap, capacity: gap * time.Duration(tokens)}
}

// allow takes a token, if there is one.
func (b *tokenBucket) allow(now time.Time) bool {
	if b.interval == 0 {
		return true
	}
	until := b.fullAt
	if until.Before(now) {
		until = now
	}
	until = until.Add(b.interval)
	if until.Sub(now) > b.capacity {
		return false
	}
	b.fullAt = until
	return true
}

// connectLimiter is a bucket for many callers.
type connectLimiter struct {
	mu     sync.Mutex
	bucket tokenBucket
}

// allow reports whether one more may go on.
func (t *connectLimiter) allow() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.bucket.allow(time.Now())
}

// reservedDescriptors is what a process needs beside its sockets, for Redis, Kafka,
// HTTP and files: a tenth, and at least so many.
const reservedDescriptors = 100

// capacity is how many connections a node holds at most: what is configured, or
// what the limit on open files leaves.
func (c Config) capacity(descriptors uint64) int {
	if c.MaxConnections > 0 {
		return c.MaxConnections
	}
	spare := max(reservedDescriptors, descriptors/10)
	if descriptors <= spare {
		return 1
	}
	return int(min(descriptors-spare, math.MaxInt32))
}
