package app

import (
	"context"
	"sync"
	"time"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

const (
	// watchdogInterval is the maximum time between two checks of the subscription.
	watchdogInterval = time.Second
	// checksPerGrace is the minimum number of checks per grace period.
	checksPerGrace = 24
	// closeSpread is the time over which connections are closed.
	closeSpread = 10 * time.Second
)

// SubscriptionWatchdog closes the connections of a node whose subscription is down for
// too long, so that clients reconnect to a node with a working subscription.
type SubscriptionWatchdog struct {
	subscription ports.HealthProbe
	shedders     []ports.ConnectionShedder
	grace        time.Duration
}

// NewSubscriptionWatchdog returns a watchdog of the subscription. grace is how long it
// may be down. A nil subscription is never down. The shedders close the connections of
// all transports.
func NewSubscriptionWatchdog(subscription ports.HealthProbe, shedders []ports.ConnectionShedder, grace time.Duration) *SubscriptionWatchdog {
	return &SubscriptionWatchdog{subscription: subscription, shedders: shedders, grace: grace}
}

// Run checks the subscription until ctx is done, and closes connections while it is
// down for longer than the grace period. It always returns nil.
func (w *SubscriptionWatchdog) Run(ctx context.Context) error {
	ticker := time.NewTicker(max(time.Millisecond, min(watchdogInterval, w.grace/checksPerGrace)))
	defer ticker.Stop()
	var since time.Time // when the subscription was found down; zero: it is not
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case now := <-ticker.C:
			switch {
			case !isDown(ctx, w.subscription):
				since = time.Time{}
			case since.IsZero():
				since = now
			case now.Sub(since) >= w.grace:
				w.closeConnections(ctx)
			}
		}
	}
	return nil
}

// isDown reports whether the dependency is unhealthy; a nil one is not.
func isDown(ctx context.Context, dependency ports.HealthProbe) bool {
	return dependency != nil && dependency.Health(ctx).Condition == domain.Unhealthy
}

// closeConnections closes connections until none is left or the subscription works.
func (w *SubscriptionWatchdog) closeConnections(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		var group sync.WaitGroup
		for _, shedder := range w.shedders {
			group.Go(func() { shedder.Shed(ctx, domain.Unreachable("redis", nil), closeSpread) })
		}
		group.Wait()
	}()
	ticker := time.NewTicker(watchdogInterval)
	defer ticker.Stop()
	for {
		select {
		case <-done:
			return
		case <-ticker.C:
			if !isDown(ctx, w.subscription) {
				cancel()
			}
		}
	}
}
