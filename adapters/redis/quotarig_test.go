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

// standing tells whether a node asks Redis about places.
type standing struct {
	mu    sync.Mutex
	alone bool
}

func (s *standing) Observe(f domain.Fact) {
	if d, is := f.(domain.QuotaDegraded); is {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.alone = d.Degraded
	}
}

func (s *standing) is(alone bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.alone == alone
}

// placing runs a node's quota until the test ends, or it is killed.
func placing(t testing.TB, url string, cfg redis.QuotaConfig) (*redis.Quota, *standing, func()) {
	t.Helper()
	seen := &standing{}
	q := redis.NewQuota(open(t, url), cfg, memory.NewQuota(cfg.PerUser), seen)
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
			var nodes []*standing
			rig := contract.QuotaRig{
				Node: func() (ports.ConnectionQuota, func()) {
					q, seen, kill := placing(t, s.url, redis.QuotaConfig{PerUser: perUser, Node: "node", Lease: shortLease})
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
				rig.LoseData = func() { require.NoError(t, stranger(t, s.url).FlushAll(context.Background()).Err()) }
			}
			return rig
		},
		Can: contract.QuotaAbilities{Shared: true, Outage: canBreak},
	}
}
