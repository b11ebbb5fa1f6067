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
	"github.com/huleedu/edge/test/contract"
	"github.com/huleedu/edge/test/servers"
)

func TestQuotaOnEmbedded(t *testing.T) {
	contract.ConnectionQuota(t, quotaHarness(embedded, true))
}

func TestQuotaOnRealRedis(t *testing.T) {
	shared(t)
	contract.ConnectionQuota(t, quotaHarness(shared, false))
}

func TestQuotaOnOwnRedis(t *testing.T) {
	ownServer(t)
	contract.ConnectionQuota(t, quotaHarness(ownServer, true))
}

func TestQuotaOnCluster(t *testing.T) {
	s := clustered(t)
	contract.ConnectionQuota(t, quotaHarness(func(testing.TB) server { return s }, false))
}

func BenchmarkQuotaOnOwnRedis(b *testing.B) {
	contract.BenchmarkConnectionQuota(b, quotaHarness(ownServer, true))
}

// A lease lasts half a minute by Redis's clock, and names who holds it.
func TestQuotaLeases(t *testing.T) {
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

// A Redis that hangs costs those who meet it a second, and nobody after them.
func TestQuotaOnAHungRedis(t *testing.T) {
	p := servers.OwnRedis(t)
	q, seen, _ := startQuota(t, p.URL(), redis.QuotaConfig{PerUser: 100, Node: "n", Lease: shortLease})
	require.NoError(t, q.Acquire(t.Context(), "anna", uuid.NewString()))
	p.Pause()
	began := time.Now()
	require.NoError(t, q.Acquire(t.Context(), "anna", uuid.NewString()))
	require.Less(t, time.Since(began), 3*time.Second)
	require.True(t, seen.is(true))
	began = time.Now()
	for range 50 {
		require.NoError(t, q.Acquire(t.Context(), "anna", uuid.NewString()))
	}
	require.Less(t, time.Since(began), 100*time.Millisecond)
	p.Resume()
	require.Eventually(t, func() bool { return seen.is(false) }, patience, 5*time.Millisecond)
	held, err := externalClient(t, p.URL()).ZCard(t.Context(), "wsquota:{anna}").Result()
	require.NoError(t, err)
	require.EqualValues(t, 52, held, "all are entered before Redis is asked again")
}

// A Redis that comes back empty is told of every lease at once, not when each is
// due.
func TestQuotaAfterACrash(t *testing.T) {
	p := servers.OwnRedis(t)
	q, seen, _ := startQuota(t, p.URL(), redis.QuotaConfig{PerUser: 5, Node: "n"})
	require.NoError(t, q.Acquire(t.Context(), "anna", uuid.NewString()))
	p.Kill()
	require.NoError(t, q.Acquire(t.Context(), "bo", uuid.NewString()))
	require.True(t, seen.is(true))
	p.Start()
	require.Eventually(t, func() bool { return seen.is(false) }, 8*time.Second, 5*time.Millisecond)
	c := externalClient(t, p.URL())
	for _, key := range []string{"wsquota:{anna}", "wsquota:{bo}"} {
		held, err := c.ZCard(t.Context(), key).Result()
		require.NoError(t, err)
		require.EqualValues(t, 1, held, key)
	}
}

// A handshake that is given up takes no place for good, and takes nobody's
// trust in Redis.
func TestQuotaOfACancelledCaller(t *testing.T) {
	s := embedded(t)
	q, seen, _ := startQuota(t, s.url, redis.QuotaConfig{PerUser: 1, Node: "n", Lease: shortLease})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	session := uuid.NewString()
	require.NoError(t, q.Acquire(ctx, "anna", session))
	require.True(t, seen.is(false))
	q.Release("anna", session)
	require.NoError(t, q.Acquire(t.Context(), "anna", uuid.NewString()))
}

// A place that is given back while it is being renewed leaves nothing behind.
func TestQuotaReleasesALeaseThatIsRenewedAtTheSameTime(t *testing.T) {
	s, session := embedded(t), uuid.NewString()
	q, _, _ := startQuota(t, s.url, redis.QuotaConfig{PerUser: 2, Node: "n", Lease: shortLease})
	require.NoError(t, q.Acquire(t.Context(), "anna", uuid.NewString()))
	require.NoError(t, q.Acquire(t.Context(), "anna", session))
	var renewals atomic.Int32
	q.BeforeRenewals(func() {
		if renewals.Add(1) == 1 {
			// The renewal has been put together, but Redis gets the release first.
			q.Release("anna", session)
		}
	})
	require.Eventually(t, func() bool { return renewals.Load() >= 6 }, patience, time.Millisecond)
	// Nobody has asked for a place, which would have swept an old one out.
	n, err := externalClient(t, s.url).ZCard(t.Context(), "wsquota:{anna}").Result()
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
}
