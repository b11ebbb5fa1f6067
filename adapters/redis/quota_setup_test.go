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

// shortLease lets a test see leases end.
const shortLease = 1500 * time.Millisecond

// quotaObserver tells whether a node asks Redis about places.
type quotaObserver struct {
	mu    sync.Mutex
	alone bool
}

func (s *quotaObserver) Observe(f domain.Fact) {
	if d, is := f.(domain.QuotaDegraded); is {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.alone = d.Degraded
	}
}

func (s *quotaObserver) is(alone bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.alone == alone
}

// startQuota runs a node's quota until the test ends, or it is killed.
func startQuota(t testing.TB, url string, cfg redis.QuotaConfig) (*redis.Quota, *quotaObserver, func()) {
	t.Helper()
	seen := &quotaObserver{}
	q := redis.NewQuota(openClient(t, url), cfg, memory.NewQuota(cfg.PerUser), seen)
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
	return q, seen, kill
}

func quotaHarness(find func(testing.TB) server, canBreak bool) contract.QuotaHarness {
	return contract.QuotaHarness{
		New: func(t testing.TB, perUser int) contract.QuotaRig {
			s := find(t)
			var nodes []*quotaObserver
			rig := contract.QuotaRig{
				Node: func() (ports.ConnectionQuota, func()) {
					q, seen, kill := startQuota(t, s.url, redis.QuotaConfig{PerUser: perUser, Node: "node", Lease: shortLease})
					nodes = append(nodes, seen)
					return q, kill
				},
				Lease: shortLease, StartOutage: s.stop, EndOutage: s.start, Step: s.step,
				AwaitOutage: func(away bool) {
					for _, n := range nodes {
						require.Eventually(t, func() bool { return n.is(away) }, patience, 5*time.Millisecond)
					}
				},
			}
			if s.stop != nil {
				rig.LoseData = func() { require.NoError(t, externalClient(t, s.url).FlushAll(context.Background()).Err()) }
			}
			return rig
		},
		Can: contract.QuotaAbilities{Shared: true, Outage: canBreak},
	}
}
