package websocket

import (
	"math"
	"sync"
	"time"
)

// tokenBucket is a token bucket that is full at the beginning. It stores only when
// it will be full again. The zero value has no limit. It is not safe for concurrent
// use.
type tokenBucket struct {
	interval time.Duration // until one token is replaced
	capacity time.Duration // until an empty bucket is full
	fullAt   time.Time
}

// newTokenBucket returns a bucket of the given number of tokens, which are all
// replaced in the given time; 0 sets no limit.
func newTokenBucket(tokens int, in time.Duration) tokenBucket {
	if tokens <= 0 {
		return tokenBucket{}
	}
	gap := in / time.Duration(tokens)
	return tokenBucket{interval: gap, capacity: gap * time.Duration(tokens)}
}

// allow takes a token and reports whether there was one.
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

// connectLimiter is a tokenBucket for concurrent callers.
type connectLimiter struct {
	mu     sync.Mutex
	bucket tokenBucket
}

// allow takes a token and reports whether there was one.
func (t *connectLimiter) allow() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.bucket.allow(time.Now())
}

// reservedDescriptors is the minimum number of file descriptors that are kept free
// for Redis, Kafka, HTTP and files; otherwise it is a tenth of the limit.
const reservedDescriptors = 100

// capacity returns how many connections a node holds: the configured number, or what
// the limit of open files leaves.
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
