package redis_test

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/redis"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/contract"
	"github.com/huleedu/edge/test/servers"
)

func TestLimiterOnEmbedded(t *testing.T) {
	contract.RateLimiter(t, limiterHarness(embedded, true, false))
}

func TestLimiterOnRealRedis(t *testing.T) {
	shared(t)
	contract.RateLimiter(t, limiterHarness(shared, false, false))
}

func TestLimiterOnOwnRedis(t *testing.T) {
	ownServer(t)
	contract.RateLimiter(t, limiterHarness(ownServer, true, false))
}

func TestLimiterOnCluster(t *testing.T) {
	s := clustered(t)
	contract.RateLimiter(t, limiterHarness(func(testing.TB) server { return s }, false, false))
}

// TestLimiterOnSixNodes: three masters share the windows between them, and a
// party's count is as exact as on one.
func TestLimiterOnSixNodes(t *testing.T) {
	c := servers.OwnCluster(t)
	contract.RateLimiter(t, limiterHarness(func(testing.TB) server { return server{url: c.URL()} }, false, false))
}

func queries(most int) domain.Limit {
	return domain.Limit{Class: domain.LimitQueries, Max: most, Window: time.Minute}
}

func TestLimiterWaitsForAHungRedisOnce(t *testing.T) {
	p := servers.OwnRedis(t)
	l, seen, local := startLimiter(t, p.URL(), redis.LimiterConfig{Timeout: 100 * time.Millisecond})
	require.True(t, l.Take(t.Context(), "u1", queries(1000)).Allowed)
	p.Pause()
	began := time.Now()
	var group sync.WaitGroup
	for range 50 {
		group.Go(func() { l.Take(t.Context(), "u1", queries(1000)) })
	}
	group.Wait()
	require.Less(t, time.Since(began), time.Second, "all who met the outage paid for it together")
	seen.await(t, true)
	began = time.Now()
	for range 1000 {
		l.Take(t.Context(), "u2", queries(10))
	}
	require.Less(t, time.Since(began), 500*time.Millisecond, "who comes later pays nothing")
	require.EqualValues(t, 1050, local.asked.Load())
	p.Resume()
	seen.await(t, false)
	require.True(t, l.Take(t.Context(), "u3", queries(10)).Allowed)
	require.EqualValues(t, 1050, local.asked.Load())
	require.Equal(t, 2, seen.turns)
}

func TestLimiterIsDegradedByARedisThatCannotCount(t *testing.T) {
	p := servers.OwnRedis(t)
	l, seen, local := startLimiter(t, p.URL(), patientConfig())
	c := externalClient(t, p.URL())
	require.NoError(t, c.Do(t.Context(), "config", "set", "maxmemory", "1").Err())
	require.True(t, l.Take(t.Context(), "u1", queries(10)).Allowed)
	seen.await(t, true)
	require.EqualValues(t, 1, local.asked.Load())
	require.NoError(t, c.Do(t.Context(), "config", "set", "maxmemory", "0").Err())
	seen.await(t, false)
}

func TestLimiterSurvivesAFlushedServer(t *testing.T) {
	p := servers.OwnRedis(t)
	l, seen, _ := startLimiter(t, p.URL(), patientConfig())
	require.True(t, l.Take(t.Context(), "u1", queries(2)).Allowed)
	c := externalClient(t, p.URL())
	require.NoError(t, c.FlushAll(t.Context()).Err())
	require.NoError(t, c.ScriptFlush(t.Context()).Err())
	require.Equal(t, 1, l.Take(t.Context(), "u1", queries(2)).Remaining)
	require.Zero(t, seen.turns)
}

func TestLimiterSetsAMissingExpiry(t *testing.T) {
	s := embedded(t)
	l, _, _ := startLimiter(t, s.url, patientConfig())
	c := externalClient(t, s.url)
	require.NoError(t, c.Set(t.Context(), "gwlimit:{u1}:queries", 7, 0).Err())
	require.Equal(t, 2, l.Take(t.Context(), "u1", queries(10)).Remaining)
	left, err := c.PTTL(t.Context(), "gwlimit:{u1}:queries").Result()
	require.NoError(t, err)
	require.Greater(t, left, 50*time.Second)
}

// A step of Redis's clock backwards lengthens the time to live of each key by the step.
func TestLimiterShortensAWindowAfterAStepOfTheClock(t *testing.T) {
	s := embedded(t)
	l, _, _ := startLimiter(t, s.url, patientConfig())
	c := externalClient(t, s.url)
	for user, count := range map[string]int{"u1": 3, "u2": 50} {
		key := "gwlimit:{" + user + "}:queries"
		require.NoError(t, c.Set(t.Context(), key, count, time.Hour).Err())
		decision := l.Take(t.Context(), user, queries(10))
		require.Equal(t, count < 10, decision.Allowed)
		require.LessOrEqual(t, decision.Reset, time.Minute, user)
		left, err := c.PTTL(t.Context(), key).Result()
		require.NoError(t, err)
		require.LessOrEqual(t, left, time.Minute, user)
	}
}

func TestLimiterBatchesRequestsAndCachesRefusals(t *testing.T) {
	p := servers.OwnRedis(t)
	l, _, _ := startLimiter(t, p.URL(), patientConfig())
	c := externalClient(t, p.URL())
	require.True(t, l.Take(t.Context(), "u1", queries(1)).Allowed)
	before := evaluations(t, c)
	for range 500 {
		require.False(t, l.Take(t.Context(), "u1", queries(1)).Allowed)
	}
	require.EqualValues(t, 1, evaluations(t, c)-before, "a refusal is asked for once")

	p.Pause()
	var group sync.WaitGroup
	for range 200 {
		group.Go(func() { l.Take(t.Context(), "u2", queries(100)) })
	}
	require.Eventually(t, func() bool { return redis.Waiting(l) >= 190 }, 4*time.Second, time.Millisecond)
	p.Resume()
	group.Wait()
	require.LessOrEqual(t, evaluations(t, c)-before, int64(8))
}

func BenchmarkLimiterOnEmbedded(b *testing.B) {
	contract.BenchmarkRateLimiter(b, limiterHarness(embedded, false, false))
}

func BenchmarkLimiterOnOwnRedis(b *testing.B) {
	forgetful := func(t testing.TB) server {
		t.Helper()
		return server{url: servers.OwnRedis(t).URL()}
	}
	contract.BenchmarkRateLimiter(b, limiterHarness(forgetful, false, true))
}
