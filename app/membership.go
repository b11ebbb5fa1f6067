package app

import (
	"context"
	"time"

	"github.com/huleedu/edge/ports"
)

const (
	// membershipCheck is the interval between checks of the subscription.
	membershipCheck = time.Second
	// membershipGrace is how long this node's subscription may be down, while the
	// store answers commands, before the node leaves the group.
	membershipGrace = 60 * time.Second
)

// Membership decides when a node is a member of the consumer group. The node joins
// after its first confirmed subscription. It leaves when its own subscription was down
// for membershipGrace although the store answered commands. While the store is
// unavailable the node stays a member, because every node is affected and a rebalance
// does not help.
type Membership struct {
	subscription ports.HealthProbe
	store        ports.HealthProbe
}

// NewMembership returns the membership of a node. subscription is the subscription of
// this node; nil means that it is never down. store reports whether the store answers
// commands; nil means that the node never leaves.
func NewMembership(subscription, store ports.HealthProbe) *Membership {
	return &Membership{subscription: subscription, store: store}
}

// Run calls consume each time the node joins, and cancels its context when the node
// leaves. It returns nil when ctx is done, or the result of consume when consume
// returns before it was cancelled.
func (m *Membership) Run(ctx context.Context, consume func(context.Context) error) error {
	for m.awaitSubscription(ctx) {
		left, err := m.consumeUntilLeft(ctx, consume)
		if !left {
			return err
		}
	}
	return nil
}

// awaitSubscription waits for the subscription. It returns false when ctx is done.
func (m *Membership) awaitSubscription(ctx context.Context) bool {
	ticker := time.NewTicker(membershipCheck / 10)
	defer ticker.Stop()
	for ctx.Err() == nil {
		if !isDown(ctx, m.subscription) {
			return true
		}
		select {
		case <-ctx.Done():
		case <-ticker.C:
		}
	}
	return false
}

// consumeUntilLeft runs consume. It cancels consume and returns true when the node
// leaves; it returns false and the result when consume returns by itself.
func (m *Membership) consumeUntilLeft(ctx context.Context, consume func(context.Context) error) (left bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- consume(ctx) }()
	ticker := time.NewTicker(membershipCheck)
	defer ticker.Stop()
	var since time.Time // start of the period; zero: the subscription is not down alone
	for {
		select {
		case err := <-done:
			return false, err
		case now := <-ticker.C:
			switch {
			case m.store == nil || !isDown(ctx, m.subscription) || isDown(ctx, m.store):
				since = time.Time{}
			case since.IsZero():
				since = now
			case now.Sub(since) >= membershipGrace:
				cancel()
				err := <-done
				return err == nil, err
			}
		}
	}
}
