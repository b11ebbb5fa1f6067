package kafka

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	kafkago "github.com/segmentio/kafka-go"
)

// pendingRecord is an unconfirmed record with the result channel of its sender.
type pendingRecord struct {
	// ctx is the sender's context. When it is done, the record is dropped, or its result
	// is ignored.
	ctx    context.Context
	record kafkago.Message
	// result has a buffer for one value, so that complete never blocks.
	result chan error
	// release frees the record's place among the records in flight.
	release   func()
	lastError lastError
}

// complete sends the result. It must be called exactly once.
func (p *pendingRecord) complete(err error) {
	p.result <- err
	p.release()
}

// size returns the length of key and value, in bytes.
func (p *pendingRecord) size() int { return len(p.record.Key) + len(p.record.Value) }

// lastErrorTTL is the maximum age of the last error that explains a timeout. Attempts are
// at most maxResendPause apart, so after an older error the broker stopped responding.
const lastErrorTTL = time.Second

// lastError stores the error of a record's latest attempt. It is safe for concurrent use.
type lastError struct{ latest atomic.Pointer[failedAttempt] }

type failedAttempt struct {
	err error
	at  time.Time
}

// store replaces the error.
func (l *lastError) store(err error) {
	l.latest.Store(&failedAttempt{err, time.Now()})
}

// timeoutError returns the error for a sender whose ctx is done: ctx's error, joined with
// the latest attempt's error if that is recent.
func (l *lastError) timeoutError(ctx context.Context) error {
	if latest := l.latest.Load(); latest != nil && time.Since(latest.at) < lastErrorTTL {
		return errors.Join(ctx.Err(), latest.err)
	}
	return ctx.Err()
}
