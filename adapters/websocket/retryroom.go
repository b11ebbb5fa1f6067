package websocket

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/huleedu/edge/domain"
)

const (
	// waitLeast and waitMost bound how long a handshake waits for a dependency
	// that is away before it is refused (1011). Clients that reconnect a second
	// after each close must open at most seven sockets a minute, so the wait is no
	// shorter than this.
	waitLeast = 8 * time.Second
	waitMost  = 15 * time.Second
	// waitPause is the time between two attempts.
	waitPause = 500 * time.Millisecond
	// maxWaiting is how many handshakes wait at once on this node. Each holds its
	// connection and a goroutine, about 30 KB.
	maxWaiting = 1024
)

// errBeforeUpgrade marks an error that is answered by HTTP, whatever its code.
var errBeforeUpgrade = errors.New("refused before the upgrade")

// unavailable is a handshake that this node does not serve now: it drains, or a
// limit of the node is reached.
func unavailable() error {
	return domain.Unavailable(string(domain.WebSocketService), retryAfter).Because(errBeforeUpgrade)
}

// retryRoom lets a bounded number of handshakes wait for a dependency that is
// away, such as Redis or the key set, in place of being refused at once.
type retryRoom struct {
	least, most, pause time.Duration
	seats              chan struct{}
	draining           func() bool
}

func newRetryRoom(draining func() bool) *retryRoom {
	return &retryRoom{
		least: waitLeast, most: waitMost, pause: waitPause,
		seats: make(chan struct{}, maxWaiting), draining: draining,
	}
}

// deadline returns until when a handshake that begins now waits at most.
func (r *retryRoom) deadline() time.Time {
	return time.Now().Add(r.least + rand.N(r.most-r.least+1))
}

// try calls attempt until it succeeds, fails for good, or the deadline has passed;
// it then returns the last error. It returns SERVICE_UNAVAILABLE, to be answered by
// HTTP, when the room is full or the node drains.
func (r *retryRoom) try(ctx context.Context, deadline time.Time, attempt func(context.Context) error) error {
	err := attempt(ctx)
	if !retryable(err) {
		return err
	}
	select {
	case r.seats <- struct{}{}:
	default:
		return unavailable()
	}
	defer func() { <-r.seats }()
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	ticker := time.NewTicker(r.pause)
	defer ticker.Stop()
	for retryable(err) {
		select {
		case <-ctx.Done():
			return err
		case <-ticker.C:
		}
		if r.draining() {
			return unavailable()
		}
		next := attempt(ctx)
		if next != nil && ctx.Err() != nil {
			return err // the attempt was cut short; the error before says more
		}
		err = next
	}
	return err
}

// retryable reports whether the error would be told by a close with status 1011,
// which clients answer by connecting again soon. The cause may pass meanwhile.
func retryable(err error) bool {
	if err == nil || errors.Is(err, errBeforeUpgrade) {
		return false
	}
	status, _ := StatusOf(domain.CodeOf(err))
	return status == Broken
}
