package kafka

import (
	"context"
	"math/rand/v2"
	"time"
)

// firstPause is where backing off begins.
const firstPause = 25 * time.Millisecond

// backoff is how long to wait after the attempt, counted from 0: doubling up
// to the limit, of which a random half is taken off, so that nodes which
// failed together do not come back together.
func backoff(attempt int, limit time.Duration) time.Duration {
	d := limit
	if attempt < 16 {
		d = min(limit, firstPause<<attempt)
	}
	return d - rand.N(d/2+1)
}

// pause waits, or returns early when ctx is done.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
