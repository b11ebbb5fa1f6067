// Package backoff waits between attempts, for an exponentially growing random time.
package backoff

import (
	"context"
	"math/rand/v2"
	"time"
)

// Delay returns the time to wait after an attempt, counted from 0. Its maximum is first for
// attempt 0, doubles with each attempt, and never exceeds longest. The result is a random
// time between half the maximum and the maximum, so that nodes that failed together do not
// retry together.
func Delay(attempt int, first, longest time.Duration) time.Duration {
	d := first
	for range attempt {
		if d >= longest {
			break
		}
		d *= 2
	}
	d = min(d, longest)
	return d - rand.N(d/2+1)
}

// Wait waits for Delay. It returns early when ctx is done.
func Wait(ctx context.Context, attempt int, first, longest time.Duration) {
	timer := time.NewTimer(Delay(attempt, first, longest))
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
