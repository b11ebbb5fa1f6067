package kafka

import (
	"context"
	"log/slog"
	"sync"
	"time"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/huleedu/edge/adapters/internal/backoff"
)

const (
	// batchRecords and batchBytes bound one request; brokers take 1 MiB unless
	// told otherwise.
	batchRecords = 500
	batchBytes   = 512 << 10
	// firstPause is the longest wait after the first of several attempts; it doubles with each.
	firstPause = 25 * time.Millisecond
	// resendPause is the longest wait between two attempts of one batch.
	resendPause = 250 * time.Millisecond
)

// pendingRecord is an unconfirmed record with the result channel of its sender.
type pendingRecord struct {
	// ctx is the sender's context. Once it is done the record is dropped, or its result
	// is ignored.
	ctx    context.Context
	record kafkago.Message
	// result has room for one value, so that complete never blocks.
	result chan error
	// release releases the record's slot among those in flight.
	release func()
	// lastError is the error of the latest attempt, for a sender whose ctx is done.
	lastError lastError
}

// complete sends the result; it is called exactly once.
func (p *pendingRecord) complete(err error) {
	p.result <- err
	p.release()
}

func (p *pendingRecord) size() int { return len(p.record.Key) + len(p.record.Value) }

// partitionQueue sends the records of one partition in order, one request at a time. Records
// that arrive during a request form the next batch, so that a single record never waits for a
// batch timer.
type partitionQueue struct {
	write func(ctx context.Context, batch []*pendingRecord) error
	log   *slog.Logger

	mu      sync.Mutex
	waiting []*pendingRecord
	sending bool
}

// enqueue queues a record. It reports whether the caller must start run.
func (l *partitionQueue) enqueue(p *pendingRecord) (idle bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waiting = append(l.waiting, p)
	idle = !l.sending
	l.sending = true
	return idle
}

// run sends batches until the queue is empty. Only one runs at a time.
func (l *partitionQueue) run(ctx context.Context) {
	for {
		batch, ok := l.nextBatch()
		if !ok {
			return
		}
		l.sendBatch(ctx, batch)
	}
}

// nextBatch removes the next batch; false means that the queue is empty and run must end.
func (l *partitionQueue) nextBatch() ([]*pendingRecord, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.waiting) == 0 {
		l.waiting = nil
		l.sending = false
		return nil, false
	}
	n, bytes := 0, 0
	for n < len(l.waiting) && n < batchRecords {
		bytes += l.waiting[n].size()
		if n > 0 && bytes > batchBytes {
			break
		}
		n++
	}
	batch := l.waiting[:n:n]
	l.waiting = l.waiting[n:]
	return batch, true
}

// sendBatch writes a batch until it is confirmed, permanently refused, or no sender waits any
// more. A batch whose refusal may concern a single record is halved, and the halves are sent
// one after the other: only that record is refused, and the order is kept.
func (l *partitionQueue) sendBatch(ctx context.Context, batch []*pendingRecord) {
	for attempt := 0; ; attempt++ {
		if batch = dropExpired(batch); len(batch) == 0 {
			return
		}
		trial, cancel := context.WithDeadline(ctx, lastDeadline(batch))
		err := l.write(trial, batch)
		if divisible := len(batch) > 1 && classifyError(err).perRecord(); divisible && ctx.Err() == nil {
			cancel()
			half := len(batch) / 2
			l.sendBatch(ctx, batch[:half:half])
			l.sendBatch(ctx, batch[half:])
			return
		}
		if err == nil || !classifyError(err).retries(attempt) || ctx.Err() != nil {
			cancel()
			completeAll(batch, err)
			return
		}
		if trial.Err() == nil {
			for _, p := range batch {
				p.lastError.store(err)
			}
		}
		// Only the last attempt's error reaches a sender.
		l.log.DebugContext(ctx, "a batch is sent again", "attempt", attempt+1, "error", err)
		backoff.Wait(trial, attempt, firstPause, resendPause)
		cancel()
	}
}

// dropExpired completes the records whose senders gave up and returns the others.
func dropExpired(batch []*pendingRecord) []*pendingRecord {
	kept := batch[:0]
	for _, p := range batch {
		if p.ctx.Err() != nil {
			p.complete(p.lastError.timeoutError(p.ctx))
			continue
		}
		kept = append(kept, p)
	}
	return kept
}

func completeAll(batch []*pendingRecord, err error) {
	for _, p := range batch {
		p.complete(err)
	}
}

// lastDeadline returns the latest deadline of the batch's senders.
func lastDeadline(batch []*pendingRecord) time.Time {
	var last time.Time
	for _, p := range batch {
		if d, ok := p.ctx.Deadline(); ok && d.After(last) {
			last = d
		}
	}
	return last
}
