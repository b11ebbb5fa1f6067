package redis_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/memory"
	"github.com/huleedu/edge/adapters/redis"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
	"github.com/huleedu/edge/test/background"
	"github.com/huleedu/edge/test/contract"
	"github.com/huleedu/edge/test/recorded"
)

// shortLease is a lease that ends within a test.
const shortLease = 1500 * time.Millisecond

// modeObserver observes whether a quota or a limiter decides without Redis.
type modeObserver struct{ memory.Facts }

// is reports whether the last change was to this mode. The first mode is not degraded.
func (o *modeObserver) is(degraded bool) bool {
	now := false
	for _, f := range o.All() {
		switch f := f.(type) {
		case domain.QuotaDegraded:
			now = f.Degraded
		case domain.LimiterDegraded:
			now = f.Degraded
		}
	}
	return now == degraded
}

// await waits until the mode is degraded or not.
func (o *modeObserver) await(t testing.TB, degraded bool) {
	t.Helper()
	require.Eventually(t, func() bool { return o.is(degraded) }, patience, 5*time.Millisecond)
}

// changes returns the number of changes of a limiter's mode.
func (o *modeObserver) changes() int { return len(recorded.FactsOf[domain.LimiterDegraded](o.All())) }

// startQuota runs a node's quota until the test ends or the returned function is called.
func startQuota(t testing.TB, url string, cfg redis.QuotaConfig) (*redis.Quota, *modeObserver, func()) {
	t.Helper()
	observer := &modeObserver{}
	q := redis.NewQuota(openClient(t, url), cfg, memory.NewQuota(cfg.PerUser), observer)
	return q, observer, background.Run(t, q.Run)
}

func quotaHarness(find func(testing.TB) server, outage bool) contract.QuotaHarness {
	return contract.QuotaHarness{
		New: func(t testing.TB, perUser int) contract.QuotaRig {
			s := find(t)
			var nodes []*modeObserver
			rig := contract.QuotaRig{
				Node: func() (ports.ConnectionQuota, func()) {
					q, observer, kill := startQuota(t, s.url, redis.QuotaConfig{PerUser: perUser, Node: "node", Lease: shortLease})
					nodes = append(nodes, observer)
					return q, kill
				},
				Lease: shortLease, StartOutage: s.stop, EndOutage: s.start, Step: s.step,
				AwaitOutage: func(outage bool) {
					for _, n := range nodes {
						n.await(t, outage)
					}
				},
			}
			if s.stop != nil {
				rig.LoseData = func() { require.NoError(t, externalClient(t, s.url).FlushAll(context.Background()).Err()) }
			}
			return rig
		},
		Shared: true, Outage: outage,
	}
}
