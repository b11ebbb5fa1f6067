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

// try calls attempt until it succeeds, fails for good, or a random time has
// passed since the first call; it then returns the last error. It returns
// SERVICE_UNAVAILABLE, to be answered by HTTP, when the room is full or the node
// drains.
func (r *retryRoom) try(ctx context.Context, attempt func(context.Context) error) error {
	wait := r.least + rand.N(r.most-r.least+1)
	deadline := time.Now().Add(wait)
	err := attempt(ctx)
	if !temporary(err) {
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
	for temporary(err) {
		select {
		case <-ctx.Done():
			return err
		case <-ticker.C:
		}
		if r.draining() {
			return unavailable()
		}
		err = attempt(ctx)
	}
	return err
}

// temporary reports whether the error says that a dependency is away.
func temporary(err error) bool {
	if err == nil || errors.Is(err, errBeforeUpgrade) {
		return false
	}
	switch domain.CodeOf(err) {
	case domain.ConnectionError, domain.ServiceUnavailable, domain.Timeout:
		return true
	default:
		return false
	}
}
