package redis_test

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/redis"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
	"github.com/huleedu/edge/test/background"
	"github.com/huleedu/edge/test/contract"
	"github.com/huleedu/edge/test/servers"
)

// localLimiter is a fallback limiter that counts its calls.
type localLimiter struct {
	mu    sync.Mutex
	spent map[string]int
	calls atomic.Int64
}

func (c *localLimiter) Take(_ context.Context, party string, limit domain.Limit) domain.RateDecision {
	c.calls.Add(1)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.spent == nil {
		c.spent = map[string]int{}
	}
	c.spent[party]++
	left := limit.Max - c.spent[party]
	return domain.RateDecision{Allowed: left >= 0, Remaining: max(left, 0), Reset: limit.Window}
}

// patientConfig returns a configuration with which a busy machine is not an outage of Redis.
func patientConfig() redis.LimiterConfig { return redis.LimiterConfig{Timeout: 5 * time.Second} }

// startLimiter runs a node's limiter until the test ends.
func startLimiter(t testing.TB, url string, cfg redis.LimiterConfig) (*redis.RateLimiter, *modeObserver, *localLimiter) {
	t.Helper()
	observer, local := &modeObserver{}, &localLimiter{}
	l := redis.NewRateLimiter(openClient(t, url), cfg, local, observer)
	background.Run(t, l.Run)
	return l, observer, local
}

func limiterHarness(find func(testing.TB) server, outage bool) contract.LimiterHarness {
	return contract.LimiterHarness{
		New: func(t testing.TB) contract.LimiterRig {
			s := find(t)
			var nodes []*modeObserver
			return contract.LimiterRig{
				Node: func() ports.RateLimiter {
					l, observer, _ := startLimiter(t, s.url, patientConfig())
					nodes = append(nodes, observer)
					return l
				},
				StartOutage: s.stop, EndOutage: s.start,
				AwaitDegraded: func(degraded bool) {
					for _, n := range nodes {
						n.await(t, degraded)
					}
				},
			}
		},
		Outage: outage,
	}
}

// clustered starts a cluster of one node.
func clustered(t testing.TB) server {
	t.Helper()
	p := servers.OwnRedis(t, "--cluster-enabled", "yes")
	c := externalClient(t, p.URL())
	require.NoError(t, c.Do(t.Context(), "cluster", "addslotsrange", 0, 16383).Err())
	require.Eventually(t, func() bool {
		return c.Set(t.Context(), "x", "y", 0).Err() == nil
	}, 10*time.Second, 20*time.Millisecond)
	return server{url: p.URL() + "?addr=" + p.Addr()}
}

// evaluations returns how many scripts the server has run.
func evaluations(t testing.TB, c *goredis.Client) int64 {
	t.Helper()
	info, err := c.InfoMap(context.Background(), "commandstats").Result()
	require.NoError(t, err)
	var total int64
	for name, line := range info["Commandstats"] {
		if name != "cmdstat_evalsha" && name != "cmdstat_eval" {
			continue
		}
		calls, _, _ := strings.Cut(strings.TrimPrefix(line, "calls="), ",")
		n, err := strconv.ParseInt(calls, 10, 64)
		require.NoError(t, err)
		total += n
	}
	return total
}
