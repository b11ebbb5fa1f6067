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
	"github.com/huleedu/edge/test/contract"
	"github.com/huleedu/edge/test/servers"
)

// counter is a local limiter that only notes that it was asked.
type localLimiter struct {
	mu    sync.Mutex
	spent map[string]int
	asked atomic.Int64
}

func (c *localLimiter) Take(_ context.Context, party string, limit domain.Limit) domain.RateDecision {
	c.asked.Add(1)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.spent == nil {
		c.spent = map[string]int{}
	}
	c.spent[party]++
	left := limit.Max - c.spent[party]
	return domain.RateDecision{Allowed: left >= 0, Remaining: max(left, 0), Reset: limit.Window}
}

// limiterObserver tells in which state a limiter is.
type limiterObserver struct {
	mu    sync.Mutex
	alone bool
	turns int
	news  chan struct{}
}

func newLimiterObserver() *limiterObserver { return &limiterObserver{news: make(chan struct{})} }

func (s *limiterObserver) Observe(f domain.Fact) {
	if d, is := f.(domain.LimiterDegraded); is {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.alone = d.Degraded
		s.turns++
		close(s.news)
		s.news = make(chan struct{})
	}
}

func (s *limiterObserver) await(t testing.TB, alone bool) {
	t.Helper()
	timeout := time.After(20 * time.Second)
	for {
		s.mu.Lock()
		done, news := s.alone == alone, s.news
		s.mu.Unlock()
		if done {
			return
		}
		select {
		case <-news:
		case <-timeout:
			require.FailNow(t, "the limiter does not change its state")
		}
	}
}

// patient settings keep a busy machine from being taken for an absent Redis.
func patientConfig() redis.LimiterConfig { return redis.LimiterConfig{Timeout: 5 * time.Second} }

// startLimiter runs a node's limiter until the test ends.
func startLimiter(t testing.TB, url string, cfg redis.LimiterConfig) (*redis.RateLimiter, *limiterObserver, *localLimiter) {
	t.Helper()
	seen, local := newLimiterObserver(), &localLimiter{}
	l := redis.NewRateLimiter(openClient(t, url), cfg, local, seen)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- l.Run(ctx) }()
	t.Cleanup(func() { cancel(); require.NoError(t, <-ended) })
	return l, seen, local
}

func limiterHarness(find func(testing.TB) server, canBreak, canCount bool) contract.LimiterHarness {
	return contract.LimiterHarness{
		New: func(t testing.TB) contract.LimiterRig {
			s := find(t)
			var nodes []*limiterObserver
			var trips func() int64
			if canCount {
				c := externalClient(t, s.url)
				trips = func() int64 { return evaluations(t, c) }
			}
			return contract.LimiterRig{
				Node: func() ports.RateLimiter {
					l, seen, _ := startLimiter(t, s.url, patientConfig())
					nodes = append(nodes, seen)
					return l
				},
				StartOutage: s.stop, EndOutage: s.start, RoundTrips: trips,
				AwaitDegraded: func(alone bool) {
					for _, n := range nodes {
						n.await(t, alone)
					}
				},
			}
		},
		Can: contract.LimiterAbilities{Outage: canBreak},
	}
}

// clustered is a cluster of one real node.
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

// evaluations is how many scripts the server has run.
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
