package app

import (
	"context"
	"time"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

const (
	// membershipCheck is how often the subscription is looked at.
	membershipCheck = time.Second
	// membershipGrace is how long this node's subscription may be down, while the
	// store answers commands, before the node gives up its partitions.
	membershipGrace = 60 * time.Second
)

// Membership decides when a node takes part in the consumer group: from its
// first confirmed subscription on, until its own subscription has been down for
// membershipGrace although the store answers commands. While the store itself is
// away the node stays a member: every node is affected, and a rebalance helps none.
type Membership struct {
	subscription ports.HealthProbe
	store        ports.HealthProbe
}

// NewMembership returns the rule for a node. subscription is this node's own; nil
// means that it is never down. store tells whether commands are answered; nil
// means never, so that the node stays a member.
func NewMembership(subscription, store ports.HealthProbe) *Membership {
	return &Membership{subscription: subscription, store: store}
}

// Run calls consume each time the node becomes a member, and ends its context
// when the node must leave. It returns when ctx is done, or with the error of
// consume when that returns by itself.
func (m *Membership) Run(ctx context.Context, consume func(context.Context) error) error {
	for m.awaitSubscription(ctx) {
		left, err := m.consumeUntilLeft(ctx, consume)
		if !left {
			return err
		}
	}
	return nil
}

// awaitSubscription returns true once the subscription works, false when ctx is
// done.
func (m *Membership) awaitSubscription(ctx context.Context) bool {
	ticker := time.NewTicker(membershipCheck / 10)
	defer ticker.Stop()
	for ctx.Err() == nil {
		if !m.subscriptionDown(ctx) {
			return true
		}
		select {
		case <-ctx.Done():
		case <-ticker.C:
		}
	}
	return false
}

// consumeUntilLeft consumes until the node must leave, which it reports, or consume returns.
func (m *Membership) consumeUntilLeft(ctx context.Context, consume func(context.Context) error) (left bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- consume(ctx) }()
	ticker := time.NewTicker(membershipCheck)
	defer ticker.Stop()
	var since time.Time // since when only the subscription is down; zero: it is not
	for {
		select {
		case err := <-done:
			return false, err
		case now := <-ticker.C:
			if since = m.updateDownSince(ctx, since, now); !since.IsZero() && now.Sub(since) >= membershipGrace {
				cancel()
				err := <-done
				return err == nil, err
			}
		}
	}
}

// updateDownSince returns since when the subscription is down while the store answers;
// zero when either is not so.
func (m *Membership) updateDownSince(ctx context.Context, since, now time.Time) time.Time {
	if !m.subscriptionDown(ctx) || m.store == nil || m.store.Health(ctx).Condition == domain.Unhealthy {
		return time.Time{}
	}
	if since.IsZero() {
		return now
	}
	return since
}

func (m *Membership) subscriptionDown(ctx context.Context) bool {
	return m.subscription != nil && m.subscription.Health(ctx).Condition == domain.Unhealthy
}
