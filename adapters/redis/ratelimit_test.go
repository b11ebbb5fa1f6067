package redis_test

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/redis"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/servers"
)

func queries(most int) domain.Limit {
	return domain.Limit{Class: domain.LimitQueries, Max: most, Window: time.Minute}
}

func TestLimiterWaitsForAHungRedisOnce(t *testing.T) {
	p := servers.OwnRedis(t)
	l, observer, local := startLimiter(t, p.URL(), redis.LimiterConfig{Timeout: 100 * time.Millisecond})
	require.True(t, l.Take(t.Context(), "u1", queries(1000)).Allowed)
	p.Pause()
	began := time.Now()
	var group sync.WaitGroup
	for range 50 {
		group.Go(func() { l.Take(t.Context(), "u1", queries(1000)) })
	}
	group.Wait()
	require.Less(t, time.Since(began), time.Second, "concurrent requests must wait for one timeout only")
	observer.await(t, true)
	began = time.Now()
	for range 1000 {
		l.Take(t.Context(), "u2", queries(10))
	}
	require.Less(t, time.Since(began), 500*time.Millisecond, "later requests must not wait")
	require.EqualValues(t, 1050, local.calls.Load())
	p.Resume()
	observer.await(t, false)
	require.True(t, l.Take(t.Context(), "u3", queries(10)).Allowed)
	require.EqualValues(t, 1050, local.calls.Load())
	require.Equal(t, 2, observer.changes())
}

func TestLimiterIsDegradedByARedisThatCannotCount(t *testing.T) {
	p := servers.OwnRedis(t)
	l, observer, local := startLimiter(t, p.URL(), patientConfig())
	c := externalClient(t, p.URL())
	require.NoError(t, c.Do(t.Context(), "config", "set", "maxmemory", "1").Err())
	require.True(t, l.Take(t.Context(), "u1", queries(10)).Allowed)
	observer.await(t, true)
	require.EqualValues(t, 1, local.calls.Load())
	require.NoError(t, c.Do(t.Context(), "config", "set", "maxmemory", "0").Err())
	observer.await(t, false)
}

func TestLimiterSurvivesAFlushedServer(t *testing.T) {
	p := servers.OwnRedis(t)
	l, observer, _ := startLimiter(t, p.URL(), patientConfig())
	require.True(t, l.Take(t.Context(), "u1", queries(2)).Allowed)
	c := externalClient(t, p.URL())
	require.NoError(t, c.FlushAll(t.Context()).Err())
	require.NoError(t, c.ScriptFlush(t.Context()).Err())
	require.Equal(t, 1, l.Take(t.Context(), "u1", queries(2)).Remaining)
	require.Zero(t, observer.changes())
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

// TestLimiterShortensAWindowAfterAStepOfTheClock sets the time to live that a step of Redis's clock backwards leaves.
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
	require.EqualValues(t, 1, evaluations(t, c)-before, "Redis must count only the first rejected request")

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
