package kafka

import (
	"context"
	"log/slog"
	"sync"
	"time"

	kafkago "github.com/segmentio/kafka-go"
)

const (
	// batchRecords and batchBytes bound one request; brokers take 1 MiB unless
	// told otherwise.
	batchRecords = 500
	batchBytes   = 512 << 10
	// resendPause is the longest wait between two attempts of one batch.
	resendPause = 250 * time.Millisecond
)

// parcel is a record on its way, and who waits for it.
type parcel struct {
	// ctx is the sender's patience: once it is done the parcel is dropped, or
	// its outcome is nobody's concern any more.
	ctx    context.Context
	record kafkago.Message
	// outcome holds one answer, so that giving it never waits for a reader.
	outcome chan error
	// leave gives back the parcel's place among those under way.
	leave func()
	// last is the error of the latest attempt, for a sender whose time is over.
	last lastRefusal
}

// answer settles the parcel; it is called exactly once.
func (p *parcel) answer(err error) {
	p.outcome <- err
	p.leave()
}

func (p *parcel) size() int { return len(p.record.Key) + len(p.record.Value) }

// lane sends the records of one partition in order, one request at a time.
// What comes while a request is under way leaves together in the next one, so
// that a lone record never waits for company.
type lane struct {
	write func(ctx context.Context, batch []*parcel) error
	log   *slog.Logger

	mu      sync.Mutex
	waiting []*parcel
	sending bool
}

// put queues a parcel. It reports whether the caller must start send.
func (l *lane) put(p *parcel) (idle bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waiting = append(l.waiting, p)
	idle = !l.sending
	l.sending = true
	return idle
}

// send empties the lane and ends. Only one runs at a time.
func (l *lane) send(ctx context.Context) {
	for {
		batch, ok := l.take()
		if !ok {
			return
		}
		l.deliver(ctx, batch)
	}
}

// take removes the next batch; false means that the lane is empty and send
// must end.
func (l *lane) take() ([]*parcel, bool) {
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

// deliver writes a batch until it is confirmed, refused for good, or nobody
// waits for it any more. A batch that is refused for what one of its records may
// be is divided, so that only that record is refused; the order stays.
func (l *lane) deliver(ctx context.Context, batch []*parcel) {
	for attempt := 0; ; attempt++ {
		if batch = patient(batch); len(batch) == 0 {
			return
		}
		trial, cancel := context.WithDeadline(ctx, lastDeadline(batch))
		err := l.write(trial, batch)
		if divisible := len(batch) > 1 && refusalOf(err).perRecord(); divisible && ctx.Err() == nil {
			cancel()
			half := len(batch) / 2
			l.deliver(ctx, batch[:half:half])
			l.deliver(ctx, batch[half:])
			return
		}
		if err == nil || !refusalOf(err).repeats(attempt) || ctx.Err() != nil {
			cancel()
			answer(batch, err)
			return
		}
		if trial.Err() == nil {
			for _, p := range batch {
				p.last.note(err)
			}
		}
		// Only the last attempt's error reaches a sender.
		l.log.DebugContext(ctx, "a batch is sent again", "attempt", attempt+1, "error", err)
		pause(trial, backoff(attempt, resendPause))
		cancel()
	}
}

// patient answers those parcels whose senders have gone and returns the rest.
func patient(batch []*parcel) []*parcel {
	kept := batch[:0]
	for _, p := range batch {
		if p.ctx.Err() != nil {
			p.answer(p.last.expired(p.ctx))
			continue
		}
		kept = append(kept, p)
	}
	return kept
}

func answer(batch []*parcel, err error) {
	for _, p := range batch {
		p.answer(err)
	}
}

// lastDeadline is when the most patient sender gives up.
func lastDeadline(batch []*parcel) time.Time {
	var last time.Time
	for _, p := range batch {
		if d, ok := p.ctx.Deadline(); ok && d.After(last) {
			last = d
		}
	}
	return last
}
