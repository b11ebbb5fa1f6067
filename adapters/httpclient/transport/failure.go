package transport

import (
	"context"
	"errors"
	"net"
	"time"
)

// Failure is the error of an exchange.
type Failure struct {
	// Timeout is the timeout of Options that was exceeded, 0 if none was.
	Timeout time.Duration
	// Expired means that the deadline of Options has passed.
	Expired bool
	// Started means that the first byte of a response was received.
	Started bool
	// Reused means that the connection had carried an exchange before.
	Reused bool
	// CallerFailed means that the caller left, or that the request's body could not be read
	// in time. Such a failure says nothing about the service.
	CallerFailed bool

	cause error
}

// Error returns the text of the cause.
func (f *Failure) Error() string { return f.cause.Error() }

// Unwrap returns the cause.
func (f *Failure) Unwrap() error { return f.cause }

// TimedOut reports whether a deadline of a connection or of a dial has passed.
func TimedOut(err error) bool {
	waited, ok := errors.AsType[net.Error](err)
	return ok && waited.Timeout()
}

// CallerLeft reports whether the caller canceled the call. A cancellation whose cause is a
// deadline counts as a timeout of the service instead.
func CallerLeft(ctx context.Context) bool {
	return errors.Is(ctx.Err(), context.Canceled) && !errors.Is(context.Cause(ctx), context.DeadlineExceeded)
}
