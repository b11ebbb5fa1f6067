package redis

import (
	"context"
	"sync"
	"time"
)

const (
	// flights is how many round trips go on at once. More of them carry fewer
	// questions each, at a higher cost for all.
	flights = 2
	// maxAsked bounds the questions of one round trip: so many take Redis about
	// half a millisecond.
	maxAsked = 256
)

// queue gathers questions that come while answers are awaited into the next
// round trip. A question that comes alone is asked at once, on its own
// goroutine.
type queue[Q, A any] struct {
	// count asks all questions in one round trip; false says that nothing was
	// answered. Its time is bounded.
	count func([]Q) ([]A, bool)
	// patience is how old a batch may be when its turn comes; an older one is
	// not asked, because its requests have waited enough.
	patience time.Duration
	// seats bounds the round trips that go on.
	seats chan struct{}

	mu   sync.Mutex
	next *batch[Q, A] // the one that still takes questions; nil when there is none
}

// batch is the questions of one round trip. Who opens it, asks it.
type batch[Q, A any] struct {
	began   time.Time
	asked   []Q
	answers []A
	counted bool
	done    chan struct{}
}

func newQueue[Q, A any](patience time.Duration, count func([]Q) ([]A, bool)) queue[Q, A] {
	return queue[Q, A]{count: count, patience: patience, seats: make(chan struct{}, flights)}
}

// ask returns the question's answer, or false when there is none, or when ctx
// is done before it came. The question may be counted all the same.
func (q *queue[Q, A]) ask(ctx context.Context, one Q) (got A, counted bool) {
	b, place := q.join(one)
	if place == 0 {
		q.fly(b)
	} else {
		select {
		case <-b.done:
		case <-ctx.Done():
			return got, false
		}
	}
	if !b.counted {
		return got, false
	}
	return b.answers[place], true
}

func (q *queue[Q, A]) join(one Q) (b *batch[Q, A], place int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.next == nil || len(q.next.asked) == maxAsked {
		q.next = &batch[Q, A]{began: time.Now(), done: make(chan struct{})}
	}
	b = q.next
	b.asked = append(b.asked, one)
	return b, len(b.asked) - 1
}

// fly waits for a seat, closes the batch for further questions and asks.
func (q *queue[Q, A]) fly(b *batch[Q, A]) {
	q.seats <- struct{}{}
	defer func() { <-q.seats }()
	q.mu.Lock()
	if q.next == b {
		q.next = nil
	}
	q.mu.Unlock()
	defer close(b.done)
	if time.Since(b.began) < q.patience {
		b.answers, b.counted = q.count(b.asked)
	}
}
