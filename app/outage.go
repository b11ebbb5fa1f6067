package app

import (
	"context"
	"time"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

const (
	// outageLook is how often the subscription is asked how it does.
	outageLook = time.Second
	// outageSpread is over how long the connections of a deaf node are closed.
	outageSpread = 10 * time.Second
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
	ticker := time.NewTicker(outageLook)
	defer ticker.Stop()
	var since time.Time // zero: it is not away
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-ticker.C:
			switch {
			case !o.away(ctx):
				since = time.Time{}
			case since.IsZero():
				since = now
			case now.Sub(since) >= o.grace:
				o.shed(ctx)
			}
		}
	}
}

func (o *Outage) away(ctx context.Context) bool {
	return o.subscription != nil && o.subscription.Health(ctx).Condition == domain.Unhealthy
}

// shed closes connections until none is left or the subscription is back.
func (o *Outage) shed(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		o.shedder.Shed(ctx, domain.Unreachable("redis", nil), outageSpread)
	}()
	ticker := time.NewTicker(outageLook)
	defer ticker.Stop()
	for {
		select {
		case <-done:
			return
		case <-ticker.C:
			if !o.away(ctx) {
				cancel()
				<-done
				return
			}
		}
	}
}
