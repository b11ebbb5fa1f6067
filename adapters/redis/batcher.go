package redis

import (
	"context"
	"sync"
	"time"
)

const (
	// maxBatchesInFlight is the number of concurrent round trips. A larger number makes
	// batches smaller and each request more expensive.
	maxBatchesInFlight = 2
	// maxBatch is the maximum number of requests in a round trip. Redis takes about half a
	// millisecond for it.
	maxBatch = 256
)

// batcher combines requests that arrive during a round trip into the next round trip. A single
// request is sent at once, on the goroutine of its caller.
type batcher[Q, A any] struct {
	// process sends all requests in one round trip and returns their results in order. It
	// returns false if there are no results. Its duration is bounded.
	process func([]Q) ([]A, bool)
	// maxAge is the maximum age of a batch when a slot is free. An older batch fails
	// without a round trip.
	maxAge time.Duration
	// slots limits the concurrent round trips.
	slots chan struct{}

	mu   sync.Mutex
	next *batch[Q, A] // accepts requests; nil if there is none
}

// batch is the requests of one round trip. The caller that opens it runs it.
type batch[Q, A any] struct {
	opened   time.Time
	requests []Q
	results  []A
	ok       bool
	done     chan struct{}
}

func newBatcher[Q, A any](maxAge time.Duration, process func([]Q) ([]A, bool)) batcher[Q, A] {
	return batcher[Q, A]{process: process, maxAge: maxAge, slots: make(chan struct{}, maxBatchesInFlight)}
}

// do returns the result of a request. known is false if the round trip fails or ctx is done
// first; Redis may have executed the request even then.
func (q *batcher[Q, A]) do(ctx context.Context, request Q) (result A, known bool) {
	b, i := q.join(request)
	if i == 0 {
		q.run(b)
	} else {
		select {
		case <-b.done:
		case <-ctx.Done():
			return result, false
		}
	}
	if !b.ok {
		return result, false
	}
	return b.results[i], true
}

// join adds a request to the batch that accepts requests, at the index i.
func (q *batcher[Q, A]) join(request Q) (b *batch[Q, A], i int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.next == nil || len(q.next.requests) == maxBatch {
		q.next = &batch[Q, A]{opened: time.Now(), done: make(chan struct{})}
	}
	b = q.next
	b.requests = append(b.requests, request)
	return b, len(b.requests) - 1
}

// run waits for a slot, closes the batch for further requests and sends it.
func (q *batcher[Q, A]) run(b *batch[Q, A]) {
	q.slots <- struct{}{}
	defer func() { <-q.slots }()
	q.mu.Lock()
	if q.next == b {
		q.next = nil
	}
	q.mu.Unlock()
	defer close(b.done)
	if time.Since(b.opened) < q.maxAge {
		b.results, b.ok = q.process(b.requests)
	}
}

// notify sends a value to a channel with a buffer of one, unless it already holds one.
func notify(wake chan<- struct{}) {
	select {
	case wake <- struct{}{}:
	default:
	}
}
