package kafka

import (
	"context"
	"errors"
	"sync/atomic"
	"time"
)

// lastErrorTTL is how long ago the latest attempt may have failed to explain why
// a sender ran out of time. Attempts are at most resendPause apart, so an older
// one means that the broker has stopped answering since.
const lastErrorTTL = time.Second

// lastError keeps the error of a record's latest attempt. note and expired may
// run at the same time.
type lastError struct{ latest atomic.Pointer[failedAttempt] }

type failedAttempt struct {
	err error
	at  time.Time
}

// store keeps an attempt's error in place of the one before.
func (l *lastError) store(err error) {
	l.latest.Store(&failedAttempt{err, time.Now()})
}

// timeoutError is the error of a sender whose ctx is done: ctx's own, joined with the
// latest attempt's if that one is recent.
func (l *lastError) timeoutError(ctx context.Context) error {
	if latest := l.latest.Load(); latest != nil && time.Since(latest.at) < lastErrorTTL {
		return errors.Join(ctx.Err(), latest.err)
	}
	return ctx.Err()
}
