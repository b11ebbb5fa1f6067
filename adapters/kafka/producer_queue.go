package kafka

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/huleedu/edge/adapters/internal/backoff"
)

const (
	// batchRecords is the maximum number of records in one request. Further records wait.
	batchRecords = 500
	// batchBytes is the maximum size of the records in one request, in bytes. A larger record is
	// sent alone. The default limit of the brokers is 1 MiB.
	batchBytes = 512 << 10
)

// partitionQueue sends the records of one partition in order, one request at a time. Records
// that arrive during a request form the next batch, so that a single record never waits for a
// batch timer.
type partitionQueue struct {
	// write sends one batch once.
	write func(ctx context.Context, batch []*pendingRecord) error
	log   *slog.Logger

	mu      sync.Mutex
	waiting []*pendingRecord
	// sending is set while run is running or about to be started.
	sending bool
}

// enqueue adds a record. It returns true if the caller must start run.
func (q *partitionQueue) enqueue(p *pendingRecord) (idle bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting = append(q.waiting, p)
	idle = !q.sending
	q.sending = true
	return idle
}

// run sends batches until the queue is empty. Only one run may be active.
func (q *partitionQueue) run(ctx context.Context) {
	for {
		batch, ok := q.nextBatch()
		if !ok {
			return
		}
		q.sendBatch(ctx, batch)
	}
}

// nextBatch removes and returns the next batch. It returns false if the queue is empty; then
// run must return.
func (q *partitionQueue) nextBatch() ([]*pendingRecord, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) == 0 {
		q.waiting = nil
		q.sending = false
		return nil, false
	}
	n, bytes := 0, 0
	for n < len(q.waiting) && n < batchRecords {
		bytes += q.waiting[n].size()
		if n > 0 && bytes > batchBytes {
			break
		}
		n++
	}
	batch := q.waiting[:n:n]
	q.waiting = q.waiting[n:]
	return batch, true
}

// sendBatch repeats a batch until it is confirmed, permanently rejected, or abandoned by all
// its senders, and completes each record. A batch whose rejection may concern a single record
// is halved, and the halves are sent one after the other: so only that record is rejected,
// and the order is kept.
func (q *partitionQueue) sendBatch(ctx context.Context, batch []*pendingRecord) {
	for attempt := 0; ; attempt++ {
		if batch = dropExpired(batch); len(batch) == 0 {
			return
		}
		limited, cancel := context.WithDeadline(ctx, lastDeadline(batch))
		err := q.write(limited, batch)
		if divisible := len(batch) > 1 && classifyError(err).perRecord(); divisible && ctx.Err() == nil {
			cancel()
			half := len(batch) / 2
			q.sendBatch(ctx, batch[:half:half])
			q.sendBatch(ctx, batch[half:])
			return
		}
		if err == nil || !classifyError(err).retries(attempt) || ctx.Err() != nil {
			cancel()
			completeAll(batch, err)
			return
		}
		if limited.Err() == nil {
			for _, p := range batch {
				p.lastError.store(err)
			}
		}
		// The sender gets only the error of the last attempt.
		q.log.DebugContext(ctx, "a batch is sent again", "attempt", attempt+1, "error", err)
		backoff.Wait(limited, attempt, firstPause, maxResendPause)
		cancel()
	}
}

// dropExpired completes the records whose senders have given up and returns the others.
func dropExpired(batch []*pendingRecord) []*pendingRecord {
	live := batch[:0]
	for _, p := range batch {
		if p.ctx.Err() != nil {
			p.complete(p.lastError.timeoutError(p.ctx))
			continue
		}
		live = append(live, p)
	}
	return live
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
