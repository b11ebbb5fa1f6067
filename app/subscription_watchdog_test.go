package app_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/app"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
	"github.com/huleedu/edge/test/background"
)

// nodeStub is a subscription that can be down, and a shedder that records its calls.
type nodeStub struct {
	down    atomic.Bool
	sheds   atomic.Int32
	stopped atomic.Int32 // sheds whose context ended
	last    atomic.Pointer[shedding]
}

// shedding is the arguments of a Shed call.
type shedding struct {
	reason error
	over   time.Duration
}

func (n *nodeStub) Health(context.Context) domain.Health {
	if n.down.Load() {
		return domain.Health{Condition: domain.Unhealthy}
	}
	return domain.Health{Condition: domain.Degraded}
}

func (n *nodeStub) Shed(ctx context.Context, reason error, over time.Duration) {
	n.last.Store(&shedding{reason, over})
	n.sheds.Add(1)
	select {
	case <-time.After(over):
	case <-ctx.Done():
		n.stopped.Add(1)
	}
}

// runWatchdog runs a watchdog over a nodeStub until the test ends.
func runWatchdog(t *testing.T) *nodeStub {
	t.Helper()
	n := &nodeStub{}
	background.Run(t, app.NewSubscriptionWatchdog(n, []ports.ConnectionShedder{n}, time.Minute).Run)
	return n
}

func TestWatchdogIgnoresInterruptionsWithinTheGracePeriod(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := runWatchdog(t)
		for range 3 {
			n.down.Store(true)
			time.Sleep(58 * time.Second)
			n.down.Store(false)
			time.Sleep(2 * time.Second)
		}
		require.Zero(t, n.sheds.Load())
	})
}

func TestWatchdogClosesConnectionsAfterTheGracePeriod(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := runWatchdog(t)
		n.down.Store(true)
		time.Sleep(60 * time.Second)
		require.Zero(t, n.sheds.Load())
		time.Sleep(time.Second)
		synctest.Wait()
		require.EqualValues(t, 1, n.sheds.Load(), "one check after the grace period")
		time.Sleep(10 * time.Second)
		require.Equal(t, domain.ConnectionError, domain.CodeOf(n.last.Load().reason))
		require.Equal(t, 10*time.Second, n.last.Load().over)
		require.Zero(t, n.stopped.Load())
	})
}

func TestWatchdogChecksSeveralTimesInAShortGracePeriod(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &nodeStub{}
		n.down.Store(true)
		background.Run(t, app.NewSubscriptionWatchdog(n, []ports.ConnectionShedder{n}, 2*time.Second).Run)
		time.Sleep(2500 * time.Millisecond)
		require.EqualValues(t, 1, n.sheds.Load())
	})
}

func TestWatchdogStopsClosingWhenTheSubscriptionIsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := runWatchdog(t)
		n.down.Store(true)
		time.Sleep(63 * time.Second)
		n.down.Store(false)
		time.Sleep(2 * time.Second)
		require.EqualValues(t, 1, n.stopped.Load())
		time.Sleep(time.Hour)
		require.EqualValues(t, 1, n.sheds.Load())
	})
}

func TestWatchdogWithAMinimalGracePeriodOrNoSubscription(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &nodeStub{}
		n.down.Store(true)
		for _, c := range []struct {
			subscription ports.HealthProbe
			sheds        int32
		}{{nil, 0}, {n, 1}} {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			err := app.NewSubscriptionWatchdog(c.subscription, []ports.ConnectionShedder{n}, time.Nanosecond).Run(ctx)
			cancel()
			require.NoError(t, err)
			require.Equal(t, c.sheds, n.sheds.Load())
		}
	})
}
