package httpserver

import (
	"errors"
	"io"
	"sync/atomic"
	"time"

	"github.com/huleedu/edge/domain"
)

// intake is a client's body on its way through to a service: bounded, and
// remembering what ended it, because whoever sends it on does not tell. It is
// read by one goroutine at a time.
type intake struct {
	io.ReadCloser
	limit, taken int64
	cause        atomic.Pointer[error]
	// until bounds how long the client may take to send; closing the body does
	// not end a Read that waits for it.
	until func(time.Time) error
}

// SetReadDeadline ends a Read that waits longer.
func (b *intake) SetReadDeadline(t time.Time) error { return b.until(t) }

// Read ends with an error where the limit is passed, so that the service never
// has a whole request.
func (b *intake) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.taken += int64(n)
	switch {
	case b.taken > b.limit:
		n, err = 0, tooLarge(b.limit)
	case err == nil || errors.Is(err, io.EOF):
		return n, err
	default:
		err = unreadable(err)
	}
	b.cause.Store(&err)
	return n, err
}

// failure is what ended the body, nil while nothing has. It is fine on nil.
func (b *intake) failure() error {
	if b == nil {
		return nil
	}
	if err := b.cause.Load(); err != nil {
		return *err
	}
	return nil
}

// unreadable says why a body could not be read: its client left, or sent
// nonsense or too slowly.
func unreadable(cause error) error {
	if left(cause) {
		return errors.Join(errLeft, cause)
	}
	return &domain.Error{
		Code: domain.InvalidRequest, Message: "Request body could not be read",
		Op: "httpserver.unreadable", Err: cause,
	}
}
