package redis_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/memory"
	"github.com/huleedu/edge/adapters/redis"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
	"github.com/huleedu/edge/test/contract"
)

// shortLease is a lease that ends within a test.
const shortLease = 1500 * time.Millisecond

// quotaObserver observes whether a quota decides without Redis.
type quotaObserver struct {
	mu       sync.Mutex
	degraded bool
}

func (s *quotaObserver) Observe(f domain.Fact) {
	if d, is := f.(domain.QuotaDegraded); is {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.degraded = d.Degraded
	}
}

// is reports whether the quota is degraded, or not degraded.
func (s *quotaObserver) is(degraded bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.degraded == degraded
}

// startQuota runs a node's quota until the test ends or the returned function is called.
func startQuota(t testing.TB, url string, cfg redis.QuotaConfig) (*redis.Quota, *quotaObserver, func()) {
	t.Helper()
	observer := &quotaObserver{}
	q := redis.NewQuota(openClient(t, url), cfg, memory.NewQuota(cfg.PerUser), observer)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- q.Run(ctx) }()
	kill := sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("run: %v", err)
		}
	})
	t.Cleanup(kill)
	return q, observer, kill
}

func quotaHarness(find func(testing.TB) server, outage bool) contract.QuotaHarness {
	return contract.QuotaHarness{
		New: func(t testing.TB, perUser int) contract.QuotaRig {
			s := find(t)
			var nodes []*quotaObserver
			rig := contract.QuotaRig{
				Node: func() (ports.ConnectionQuota, func()) {
					q, observer, kill := startQuota(t, s.url, redis.QuotaConfig{PerUser: perUser, Node: "node", Lease: shortLease})
					nodes = append(nodes, observer)
					return q, kill
				},
				Lease: shortLease, StartOutage: s.stop, EndOutage: s.start, Step: s.step,
				AwaitOutage: func(outage bool) {
					for _, n := range nodes {
						require.Eventually(t, func() bool { return n.is(outage) }, patience, 5*time.Millisecond)
					}
				},
			}
			if s.stop != nil {
				rig.LoseData = func() { require.NoError(t, externalClient(t, s.url).FlushAll(context.Background()).Err()) }
			}
			return rig
		},
		Can: contract.QuotaAbilities{Shared: true, Outage: outage},
	}
}
