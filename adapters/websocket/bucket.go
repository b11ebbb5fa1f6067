package websocket

import (
	"math"
	"sync"
	"time"
)

// bucket holds tokens, one for each thing that is allowed, and is full at the
// beginning. It remembers only until when the tokens that were taken are being
// replaced. The zero value allows everything.
type bucket struct {
	gap   time.Duration // until one token is replaced
	depth time.Duration // until a whole bucket is
	until time.Time
}

// newBucket holds so many tokens, which are all replaced in the given time; 0
// sets no limit.
func newBucket(tokens int, in time.Duration) bucket {
	if tokens <= 0 {
		return bucket{}
	}
	gap := in / time.Duration(tokens)
	return bucket{gap: gap, depth: gap * time.Duration(tokens)}
}

// take takes a token, if there is one.
func (b *bucket) take(now time.Time) bool {
	if b.gap == 0 {
		return true
	}
	until := b.until
	if until.Before(now) {
		until = now
	}
	until = until.Add(b.gap)
	if until.Sub(now) > b.depth {
		return false
	}
	b.until = until
	return true
}

// turnstile is a bucket for many callers.
type turnstile struct {
	mu     sync.Mutex
	bucket bucket
}

// pass reports whether one more may go on.
func (t *turnstile) pass() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.bucket.take(time.Now())
}

// spareDescriptors is what a process needs beside its sockets, for Redis, Kafka,
// HTTP and files: a tenth, and at least so many.
const spareDescriptors = 100

// capacity is how many connections a node holds at most: what is configured, or
// what the limit on open files leaves.
func (c Config) capacity(descriptors uint64) int {
	if c.MaxConnections > 0 {
		return c.MaxConnections
	}
	spare := max(spareDescriptors, descriptors/10)
	if descriptors <= spare {
		return 1
	}
	return int(min(descriptors-spare, math.MaxInt32))
}
