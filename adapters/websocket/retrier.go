package websocket

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/huleedu/edge/domain"
)

const (
	// minRetryWait and maxRetryWait bound how long a handshake waits for an
	// unavailable dependency before it is refused (1011). Clients that reconnect one
	// second after each close must open at most seven sockets a minute, which sets
	// the minimum.
	minRetryWait = 8 * time.Second
	maxRetryWait = 15 * time.Second
	// retryInterval is the time between two attempts.
	retryInterval = 500 * time.Millisecond
	// maxRetrying is how many handshakes wait at the same time on this node. Each
	// holds its connection and a goroutine, about 30 KB.
	maxRetrying = 1024
)

// errBeforeUpgrade marks an error that is answered by HTTP, whatever its code.
var errBeforeUpgrade = errors.New("refused before the upgrade")

// nodeUnavailable is the error of a handshake that this node does not serve now: it
// drains, or a limit of the node is reached.
func nodeUnavailable() error {
	return domain.Unavailable(string(domain.WebSocketService), retryAfter).WithCause(errBeforeUpgrade)
}

// retrier lets a bounded number of handshakes wait for an unavailable dependency,
// such as Redis or the key set, and retries what failed.
type retrier struct {
	minWait, maxWait, interval time.Duration
	slots                      chan struct{}
	draining                   func() bool
}

func newRetrier(draining func() bool) *retrier {
	return &retrier{
		minWait: minRetryWait, maxWait: maxRetryWait, interval: retryInterval,
		slots: make(chan struct{}, maxRetrying), draining: draining,
	}
}

// deadline returns how long a handshake that begins now may wait: a random time
// between the bounds.
func (r *retrier) deadline() time.Time {
	return time.Now().Add(r.minWait + rand.N(r.maxWait-r.minWait+1))
}

// try calls attempt until it succeeds, its error is not retryable, or the deadline
// has passed; it then returns the last error. It returns SERVICE_UNAVAILABLE, to be
// answered by HTTP, when too many handshakes wait or the node drains.
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
	ticker := time.NewTicker(r.interval)
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
	if err == nil || errors.Is(err, errBeforeUpgrade) {
		return false
	}
	status, _ := StatusOf(domain.CodeOf(err))
	return status == InternalError
}
