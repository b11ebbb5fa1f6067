package redis

import (
	"context"
	"sync"
	"time"
)

const (
	// maxBatchesInFlight is how many round trips go on at once. More of them carry fewer
	// questions each, at a higher cost for all.
	maxBatchesInFlight = 2
	// maxBatch bounds the questions of one round trip: so many take Redis about
	// half a millisecond.
	maxBatch = 256
)

// batcher gathers questions that come while answers are awaited into the next
// round trip. A question that comes alone is asked at once, on its own
// goroutine.
type batcher[Q, A any] struct {
	// process asks all questions in one round trip; false says that nothing was
	// answered. Its time is bounded.
	process func([]Q) ([]A, bool)
	// maxAge is how old a batch may be when its turn comes; an older one is
	// not asked, because its requests have waited enough.
	maxAge time.Duration
	// slots bounds the round trips that go on.
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

func newBatcher[Q, A any](patience time.Duration, count func([]Q) ([]A, bool)) batcher[Q, A] {
	return batcher[Q, A]{process: count, maxAge: patience, slots: make(chan struct{}, maxBatchesInFlight)}
}

// do returns the question's answer, or false when there is none, or when ctx
// is done before it came. The question may be counted all the same.
func (q *batcher[Q, A]) do(ctx context.Context, one Q) (got A, counted bool) {
	b, place := q.join(one)
	if place == 0 {
		q.run(b)
	} else {
		select {
		case <-b.done:
		case <-ctx.Done():
			return got, false
		}
	}
	if !b.ok {
		return got, false
	}
	return b.results[place], true
}

func (q *batcher[Q, A]) join(one Q) (b *batch[Q, A], place int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.next == nil || len(q.next.requests) == maxBatch {
		q.next = &batch[Q, A]{opened: time.Now(), done: make(chan struct{})}
	}
	b = q.next
	b.requests = append(b.requests, one)
	return b, len(b.requests) - 1
}

// run waits for a seat, closes the batch for further questions and asks.
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
