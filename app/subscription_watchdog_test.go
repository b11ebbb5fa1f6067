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
)

// line is a subscription that can be cut, and the connections behind it.
type line struct {
	down  atomic.Bool
	sheds atomic.Int32
	cut   atomic.Int32 // sheds that were called off
	last  atomic.Pointer[shedding]
}

// shedding is what was asked for.
type shedding struct {
	reason error
	over   time.Duration
}

func (l *line) Health(context.Context) domain.Health {
	if l.down.Load() {
		return domain.Health{Condition: domain.Unhealthy}
	}
	return domain.Health{Condition: domain.Degraded}
}

func (l *line) Shed(ctx context.Context, reason error, over time.Duration) {
	l.last.Store(&shedding{reason, over})
	l.sheds.Add(1)
	select {
	case <-time.After(over):
	case <-ctx.Done():
		l.cut.Add(1)
	}
}

// watched puts a watch over a line until the test ends.
func watched(t *testing.T) *line {
	t.Helper()
	l := &line{}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- app.NewSubscriptionWatchdog(l, l, time.Minute).Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
	})
	return l
}

func TestWatchdogIgnoresShortOutages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := watched(t)
		for range 3 {
			l.down.Store(true)
			time.Sleep(58 * time.Second)
			l.down.Store(false)
			time.Sleep(2 * time.Second)
		}
		require.Zero(t, l.sheds.Load())
	})
}

func TestWatchdogClosesConnectionsAfterTheGracePeriod(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := watched(t)
		l.down.Store(true)
		time.Sleep(60 * time.Second)
		require.Zero(t, l.sheds.Load())
		time.Sleep(3 * time.Second)
		require.EqualValues(t, 1, l.sheds.Load())
		time.Sleep(10 * time.Second)
		require.Equal(t, domain.ConnectionError, domain.CodeOf(l.last.Load().reason))
		require.Equal(t, 10*time.Second, l.last.Load().over)
		require.Zero(t, l.cut.Load())
	})
}

func TestWatchdogStopsClosingAfterTheOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := watched(t)
		l.down.Store(true)
		time.Sleep(63 * time.Second)
		l.down.Store(false)
		time.Sleep(2 * time.Second)
		require.EqualValues(t, 1, l.cut.Load())
		time.Sleep(time.Hour)
		require.EqualValues(t, 1, l.sheds.Load())
	})
}

func TestWatchdogWithAMinimalGracePeriod(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		l := &line{}
		l.down.Store(true)
		require.NoError(t, app.NewSubscriptionWatchdog(l, l, time.Nanosecond).Run(ctx))
		require.EqualValues(t, 1, l.sheds.Load())
	})
}

func TestWatchdogWithoutASubscription(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		l := &line{}
		require.NoError(t, app.NewSubscriptionWatchdog(nil, l, time.Minute).Run(ctx))
		require.Zero(t, l.sheds.Load())
	})
}
