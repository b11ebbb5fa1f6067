package handshake

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/huleedu/edge/adapters/internal/closecode"
	"github.com/huleedu/edge/domain"
)

const (
	// minRetryWait is the shortest time that a handshake waits for an unavailable dependency
	// before it is refused (1011). With it, a client that reconnects one second after each close
	// opens at most seven sockets a minute.
	minRetryWait = 8 * time.Second
	// maxRetryWait is the longest time that a handshake waits for an unavailable dependency
	// before it is refused (1011). The wait is random, so that clients do not return together.
	maxRetryWait = 15 * time.Second
	// retryInterval is the time between two attempts.
	retryInterval = 500 * time.Millisecond
	// maxRetrying is how many handshakes wait at the same time on this node. Each
	// holds its connection and a goroutine, about 30 KB.
	maxRetrying = 1024
)

// Waits bounds how long handshakes wait for an unavailable dependency.
type Waits struct {
	// Min and Max bound the time of one handshake, Interval is the time between two
	// attempts.
	Min, Max, Interval time.Duration
	// Handshakes is how many handshakes wait at the same time.
	Handshakes int
}

// DefaultWaits are the waits of production.
func DefaultWaits() Waits {
	return Waits{Min: minRetryWait, Max: maxRetryWait, Interval: retryInterval, Handshakes: maxRetrying}
}

// retrier lets a bounded number of handshakes wait for an unavailable dependency,
// such as Redis or the key set, and retries what failed.
type retrier struct {
	waits    Waits
	slots    chan struct{}
	draining func() bool
}

func newRetrier(w Waits, draining func() bool) *retrier {
	return &retrier{waits: w, slots: make(chan struct{}, w.Handshakes), draining: draining}
}

// deadline returns how long a handshake that begins now may wait: a random time
// between the bounds.
func (r *retrier) deadline() time.Time {
	return time.Now().Add(r.waits.Min + rand.N(r.waits.Max-r.waits.Min+1))
}

// try calls attempt until it succeeds, its error is not retryable, or the deadline
// has passed; it then returns the last error. It returns ErrNodeUnavailable when too many
// handshakes wait or the node drains.
func (r *retrier) try(ctx context.Context, deadline time.Time, attempt func(context.Context) error) error {
	err := attempt(ctx)
	if !retryable(err) {
		return err
	}
	select {
	case r.slots <- struct{}{}:
	default:
		return nodeUnavailable()
	}
	defer func() { <-r.slots }()
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	ticker := time.NewTicker(r.waits.Interval)
	defer ticker.Stop()
	for retryable(err) {
		select {
		case <-ctx.Done():
			return err
		case <-ticker.C:
		}
		if r.draining() {
			return nodeUnavailable()
		}
		next := attempt(ctx)
		if next != nil && ctx.Err() != nil {
			return err // the deadline ended the attempt; the previous error has the cause
		}
		err = next
	}
	return err
}

// retryable reports whether the error would close with status 1011,
// which clients answer by reconnecting soon.
func retryable(err error) bool {
	if err == nil || errors.Is(err, ErrNodeUnavailable) {
		return false
	}
	status, _ := closecode.StatusOf(domain.CodeOf(err))
	return status == closecode.InternalError
}
