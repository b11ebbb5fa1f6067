package app

import (
	"context"
	"time"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

const (
	// watchdogInterval is how often a subscription that is away is asked how it does.
	watchdogInterval = time.Second
	// checksPerGrace is how often within the grace one is asked that was there: each
	// look wakes a process that may be asleep.
	checksPerGrace = 24
	// closeSpread is over how long the connections of a deaf node are closed.
	closeSpread = 10 * time.Second
)

// Outage closes connections that have heard nothing for too long, because the
// subscription is away: their clients may find a node that hears.
type Outage struct {
	subscription ports.HealthProbe
	shedder      ports.ConnectionShedder
	grace        time.Duration
}

// NewOutage returns the watch over the subscription. grace is how long it may
// be away; a node without subscription of its own passes nil and is never deaf.
func NewOutage(subscription ports.HealthProbe, shedder ports.ConnectionShedder, grace time.Duration) *Outage {
	return &Outage{subscription: subscription, shedder: shedder, grace: grace}
}

// Run watches until ctx is done. The closing stops when the subscription is
// back: who is still there then misses nothing more.
func (o *Outage) Run(ctx context.Context) error {
	quiet := max(o.grace/checksPerGrace, time.Millisecond)
	timer := time.NewTimer(domain.UntilBeat(time.Now(), quiet))
	defer timer.Stop()
	var since time.Time // zero: it is not away
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-timer.C:
			if since = o.check(ctx, since, now); since.IsZero() {
				timer.Reset(domain.UntilBeat(now, quiet))
			} else {
				timer.Reset(min(quiet, watchdogInterval))
			}
		}
	}
}

// check returns since when the subscription is away, and closes connections once
// that is too long.
func (o *Outage) check(ctx context.Context, since, now time.Time) time.Time {
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

func (o *Outage) subscriptionDown(ctx context.Context) bool {
	return o.subscription != nil && o.subscription.Health(ctx).Condition == domain.Unhealthy
}

// closeConnections closes connections until none is left or the subscription is back.
func (o *Outage) closeConnections(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		o.shedder.Shed(ctx, domain.Unreachable("redis", nil), closeSpread)
	}()
	ticker := time.NewTicker(watchdogInterval)
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
