package redis_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/contract"
)

// A confirmed connection is healthy only after it has received its probe, also after several
// reconnects.
func TestListenerIsUnhealthyUntilItReceivesAProbe(t *testing.T) {
	s := embedded(t)
	d := startMuteProxy(t, s.url)
	cfg := listenerConfig()
	cfg.ProbeInterval, cfg.Connections = 50*time.Millisecond, 1
	facts := contract.NewFacts()
	l := listener(openClient(t, d.url()), cfg, facts)
	run(t, l, newInbox())
	require.Eventually(t, healthy(l), patience, time.Millisecond)
	follow(t, l, "u1")

	d.dropMessages.Store(true)
	require.Eventually(t, unhealthy(l), patience, time.Millisecond)
	reconnects := func() int {
		return facts.Count(func(f domain.Fact) bool { return f == domain.Resubscribed{} })
	}
	before, healthyChecks := reconnects(), 0
	require.Eventually(t, func() bool {
		if l.Health(context.Background()).Condition != domain.Unhealthy {
			healthyChecks++
		}
		return reconnects() >= before+3
	}, patience, time.Microsecond)
	require.Zero(t, healthyChecks)
	d.dropMessages.Store(false)
	require.Eventually(t, healthy(l), patience, time.Millisecond)
}

// The first probe is sent when its channel is subscribed, not after the interval.
func TestListenerSendsTheFirstProbeAtOnce(t *testing.T) {
	cfg := listenerConfig()
	cfg.ProbeInterval = time.Hour
	l := listener(openClient(t, embedded(t).url), cfg, contract.NewFacts())
	run(t, l, newInbox())
	require.Eventually(t, healthy(l), patience, time.Millisecond)
}
