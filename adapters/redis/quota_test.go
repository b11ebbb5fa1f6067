package redis_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/redis"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/servers"
)

// A lease lasts 30 s by Redis's clock and contains the session and the node.
func TestQuotaLeaseHasTimeSessionAndNode(t *testing.T) {
	s, session := embedded(t), uuid.NewString()
	q, _, _ := startQuota(t, s.url, redis.QuotaConfig{PerUser: 2, Node: "node-1 (eu)"})
	require.NoError(t, q.Acquire(t.Context(), "anna", session))
	c := externalClient(t, s.url)
	now, err := c.Time(t.Context()).Result()
	require.NoError(t, err)
	held, err := c.ZRangeWithScores(t.Context(), "wsquota:{anna}", 0, -1).Result()
	require.NoError(t, err)
	require.Len(t, held, 1)
	require.InDelta(t, float64(now.Add(30*time.Second).UnixMilli()), held[0].Score, 2000)
	left, err := c.PTTL(t.Context(), "wsquota:{anna}").Result()
	require.NoError(t, err)
	require.InDelta(t, 30.0, left.Seconds(), 2)

	operator := redis.NewOperator(openClient(t, s.url))
	require.NoError(t, q.Acquire(t.Context(), "anna", uuid.NewString()))
	sessions, err := operator.Sessions(t.Context(), "anna")
	require.NoError(t, err)
	require.Len(t, sessions, 2)
	require.Equal(t, session, sessions[0].ID)
	require.Equal(t, "node-1 (eu)", sessions[0].Node)
	require.WithinDuration(t, time.Now(), sessions[0].Since, 5*time.Second)
	q.Release("anna", session)
	q.Release("anna", sessions[1].ID)
	sessions, err = operator.Sessions(t.Context(), "anna")
	require.NoError(t, err)
	require.Empty(t, sessions)
	s.stop()
	_, err = operator.Sessions(t.Context(), "anna")
	require.Equal(t, domain.ConnectionError, domain.CodeOf(err))
	require.Equal(t, domain.ConnectionError, domain.CodeOf(operator.Disconnect(t.Context(), "anna")))
	s.start()
}

func TestQuotaWaitsForAHungRedisOnce(t *testing.T) {
	p := servers.OwnRedis(t)
	q, observer, _ := startQuota(t, p.URL(), redis.QuotaConfig{PerUser: 100, Node: "n", Lease: shortLease})
	require.NoError(t, q.Acquire(t.Context(), "anna", uuid.NewString()))
	p.Pause()
	began := time.Now()
	require.NoError(t, q.Acquire(t.Context(), "anna", uuid.NewString()))
	require.Less(t, time.Since(began), 3*time.Second)
	require.True(t, observer.is(true))
	began = time.Now()
	for range 50 {
		require.NoError(t, q.Acquire(t.Context(), "anna", uuid.NewString()))
	}
	require.Less(t, time.Since(began), 100*time.Millisecond)
	p.Resume()
	observer.await(t, false)
	held, err := externalClient(t, p.URL()).ZCard(t.Context(), "wsquota:{anna}").Result()
	require.NoError(t, err)
	require.EqualValues(t, 52, held, "all leases must be added before handshakes use Redis again")
}

// Redis loses all leases in a crash. The quota adds them at once, not at the next renewal.
func TestQuotaAddsLeasesAfterACrash(t *testing.T) {
	p := servers.OwnRedis(t)
	q, observer, _ := startQuota(t, p.URL(), redis.QuotaConfig{PerUser: 5, Node: "n"})
	require.NoError(t, q.Acquire(t.Context(), "anna", uuid.NewString()))
	p.Kill()
	require.NoError(t, q.Acquire(t.Context(), "bo", uuid.NewString()))
	require.True(t, observer.is(true))
	p.Start()
	require.Eventually(t, func() bool { return observer.is(false) }, 8*time.Second, 5*time.Millisecond)
	c := externalClient(t, p.URL())
	for _, key := range []string{"wsquota:{anna}", "wsquota:{bo}"} {
		held, err := c.ZCard(t.Context(), key).Result()
		require.NoError(t, err)
		require.EqualValues(t, 1, held, key)
	}
}

// A cancelled handshake does not leave a lease, and is not an outage of Redis.
func TestQuotaIgnoresTheCancellationOfACaller(t *testing.T) {
	s := embedded(t)
	q, observer, _ := startQuota(t, s.url, redis.QuotaConfig{PerUser: 1, Node: "n", Lease: shortLease})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	session := uuid.NewString()
	require.NoError(t, q.Acquire(ctx, "anna", session))
	require.True(t, observer.is(false))
	q.Release("anna", session)
	require.NoError(t, q.Acquire(t.Context(), "anna", uuid.NewString()))
}

func TestQuotaReleasesALeaseThatIsRenewedAtTheSameTime(t *testing.T) {
	s, session := embedded(t), uuid.NewString()
	q, _, _ := startQuota(t, s.url, redis.QuotaConfig{PerUser: 2, Node: "n", Lease: shortLease})
	require.NoError(t, q.Acquire(t.Context(), "anna", uuid.NewString()))
	require.NoError(t, q.Acquire(t.Context(), "anna", session))
	var renewals atomic.Int32
	q.BeforeRenewals(func() {
		if renewals.Add(1) == 1 {
			// The renewal contains the lease, but Redis gets the release first.
			q.Release("anna", session)
		}
	})
	require.Eventually(t, func() bool { return renewals.Load() >= 6 }, patience, time.Millisecond)
	// No Acquire has deleted expired leases meanwhile.
	n, err := externalClient(t, s.url).ZCard(t.Context(), "wsquota:{anna}").Result()
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
}
