package app

import (
	"context"
	"time"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

const (
	// maxCheckInterval is the maximum interval between two checks.
	maxCheckInterval = time.Second
	// checksPerGrace is the minimum number of checks per grace period.
	checksPerGrace = 24
	// closeSpread is the time over which connections are closed.
	closeSpread = 10 * time.Second
)

// SubscriptionWatchdog closes the connections of a node whose subscription is down for too long, so
// that clients reconnect to a node with a working subscription.
type SubscriptionWatchdog struct {
	subscription ports.HealthProbe
	shedder      ports.ConnectionShedder
	grace        time.Duration
}

// NewSubscriptionWatchdog returns a watchdog of the subscription. grace is how long it may be down.
// A nil subscription is never down.
func NewSubscriptionWatchdog(subscription ports.HealthProbe, shedder ports.ConnectionShedder, grace time.Duration) *SubscriptionWatchdog {
	return &SubscriptionWatchdog{subscription: subscription, shedder: shedder, grace: grace}
}

// Run checks the subscription until ctx is done. It stops to close connections when
// the subscription works again. It always returns nil.
func (o *SubscriptionWatchdog) Run(ctx context.Context) error {
	ticker := time.NewTicker(max(min(o.grace/checksPerGrace, maxCheckInterval), time.Millisecond))
	defer ticker.Stop()
	var since time.Time // zero: the subscription is not down
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case now := <-ticker.C:
			since = o.check(ctx, since, now)
		}
	}
	return nil
}

// check returns since when the subscription is down, and closes connections after the
// grace period.
func (o *SubscriptionWatchdog) check(ctx context.Context, since, now time.Time) time.Time {
	switch {
	case !o.subscriptionDown(ctx):
		return time.Time{}
	case since.IsZero():
		return now
	case now.Sub(since) >= o.grace:
		o.closeConnections(ctx)
	}
	return since
}

func (o *SubscriptionWatchdog) subscriptionDown(ctx context.Context) bool {
	return o.subscription != nil && o.subscription.Health(ctx).Condition == domain.Unhealthy
}

// closeConnections closes connections until none is left or the subscription works.
func (o *SubscriptionWatchdog) closeConnections(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		o.shedder.Shed(ctx, domain.Unreachable("redis", nil), closeSpread)
	}()
	ticker := time.NewTicker(maxCheckInterval)
	defer ticker.Stop()
	for {
		select {
		case <-done:
			return
		case <-ticker.C:
			if !o.subscriptionDown(ctx) {
				cancel()
				<-done
				return
			}
		}
	}
}
