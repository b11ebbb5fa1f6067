package app_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/app"
	"github.com/huleedu/edge/test/background"
)

// member is a consumer that records how often it joined and whether it is joined now.
type member struct {
	joins atomic.Int32
	in    atomic.Bool
}

func (m *member) consume(ctx context.Context) error {
	m.joins.Add(1)
	m.in.Store(true)
	<-ctx.Done()
	m.in.Store(false)
	return nil
}

// runMembership runs a membership with the subscription down at first, until the test ends. It
// returns the subscription, the store and the member.
func runMembership(t *testing.T) (*nodeStub, *nodeStub, *member) {
	t.Helper()
	subscription, store, m := &nodeStub{}, &nodeStub{}, &member{}
	subscription.down.Store(true)
	t.Cleanup(func() { require.False(t, m.in.Load()) })
	background.Run(t, func(ctx context.Context) error { return app.NewMembership(subscription, store).Run(ctx, m.consume) })
	return subscription, store, m
}

func TestANodeJoinsAfterItsFirstConfirmedSubscription(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		subscription, _, m := runMembership(t)
		time.Sleep(time.Hour)
		require.False(t, m.in.Load(), "joined without a subscription")
		subscription.down.Store(false)
		time.Sleep(time.Second)
		require.True(t, m.in.Load())
	})
}

func TestANodeStaysAMemberWhileTheStoreIsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		subscription, store, m := runMembership(t)
		subscription.down.Store(false)
		time.Sleep(time.Second)
		store.down.Store(true)
		subscription.down.Store(true)
		time.Sleep(24 * time.Hour)
		require.True(t, m.in.Load())
		// The store is back before the subscription: the time counts from now.
		store.down.Store(false)
		time.Sleep(59 * time.Second)
		subscription.down.Store(false)
		time.Sleep(time.Hour)
		// Each time that the store answers starts the time again.
		subscription.down.Store(true)
		for range 100 {
			store.down.Store(false)
			time.Sleep(50 * time.Second)
			store.down.Store(true)
			time.Sleep(5 * time.Second)
		}
		require.True(t, m.in.Load())
		require.EqualValues(t, 1, m.joins.Load(), "it stayed a member throughout")
	})
}

func TestANodeLeavesWhenOnlyItsOwnSubscriptionStaysDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		subscription, _, m := runMembership(t)
		subscription.down.Store(false)
		time.Sleep(time.Second)
		subscription.down.Store(true)
		time.Sleep(59 * time.Second)
		require.True(t, m.in.Load(), "left too early")
		time.Sleep(3 * time.Second)
		require.False(t, m.in.Load(), "still a member")
		time.Sleep(time.Hour)
		require.EqualValues(t, 1, m.joins.Load())
		subscription.down.Store(false)
		time.Sleep(time.Second)
		require.True(t, m.in.Load(), "the subscription is back")
		require.EqualValues(t, 2, m.joins.Load())
	})
}

func TestANodeWithoutSubscriptionIsAMemberAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &member{}
		background.Run(t, func(ctx context.Context) error { return app.NewMembership(nil, nil).Run(ctx, m.consume) })
		time.Sleep(time.Hour)
		require.True(t, m.in.Load())
	})
}

func TestMembershipEndsWithTheConsumersError(t *testing.T) {
	want := errors.New("invalid settings")
	fails := func(context.Context) error { return want }
	require.ErrorIs(t, app.NewMembership(nil, nil).Run(t.Context(), fails), want)
}

func TestMembershipReturnsTheErrorOfAConsumerThatMustLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		subscription, want := &nodeStub{}, errors.New("offsets are not committed")
		ended := make(chan error, 1)
		go func() {
			ended <- app.NewMembership(subscription, &nodeStub{}).Run(t.Context(), func(ctx context.Context) error {
				<-ctx.Done()
				return want
			})
		}()
		synctest.Wait()
		subscription.down.Store(true)
		require.ErrorIs(t, <-ended, want)
	})
}

func TestANodeThatStopsBeforeItsSubscriptionNeverJoins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, _, m := runMembership(t)
		t.Cleanup(func() { require.Zero(t, m.joins.Load()) })
	})
}
