package redis

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/memory"
	"github.com/huleedu/edge/domain"
)

// fakeRedis is a Redis that keeps no more than when it was asked for what, and by how
// many members. It answers at once, while it is there.
type fakeRedis struct {
	began time.Time
	mu    sync.Mutex
	away  bool
	pings []time.Duration
	kept  map[time.Duration]int
}

func (*fakeRedis) DialHook(next goredis.DialHook) goredis.DialHook { return next }

func (p *fakeRedis) ProcessHook(goredis.ProcessHook) goredis.ProcessHook {
	return func(_ context.Context, c goredis.Cmder) error {
		p.mu.Lock()
		defer p.mu.Unlock()
		at := time.Since(p.began)
		if c.Name() == "ping" {
			p.pings = append(p.pings, at)
		}
		if p.away {
			c.SetErr(errors.New("away"))
			return c.Err()
		}
		if script, is := c.(*goredis.Cmd); is {
			keys := c.Args()[2].(int)
			p.kept[at] += keys
			script.SetVal(make([]any, keys))
			for i := range keys {
				script.Val().([]any)[i] = int64(0)
			}
		}
		return nil
	}
}

func (*fakeRedis) ProcessPipelineHook(next goredis.ProcessPipelineHook) goredis.ProcessPipelineHook {
	return next
}

// leave takes it away, or brings it back.
func (p *fakeRedis) leave(away bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.away = away
}

// asked is what it was asked so far.
func (p *fakeRedis) asked() (pings []time.Duration, kept map[time.Duration]int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.pings), maps.Clone(p.kept)
}

// discardObserver watches.
type discardObserver struct{}

func (discardObserver) Observe(domain.Fact) {}

// startTestQuota is a quota over paper whose leases are tended until the test ends.
func startTestQuota(t *testing.T) (*Quota, *fakeRedis) {
	t.Helper()
	p := &fakeRedis{began: time.Now(), kept: map[time.Duration]int{}}
	rdb := goredis.NewClient(&goredis.Options{Addr: "127.0.0.1:1"})
	rdb.AddHook(p)
	q := NewQuota(&Client{rdb: rdb}, QuotaConfig{PerUser: 5, Node: "n"}, memory.NewQuota(5), discardObserver{})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- q.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
		require.NoError(t, rdb.Close())
	})
	return q, p
}

// TestLeasesAreRenewedTogether: each before it is ten seconds old, those of a
// second in one question, and nothing is asked between.
func TestLeasesAreRenewedTogether(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q, p := startTestQuota(t)
		for _, at := range []time.Duration{0, 300 * time.Millisecond, 900 * time.Millisecond, 4 * time.Second} {
			time.Sleep(at - time.Since(p.began))
			q.held.add(newLease("u", at.String(), "n"))
		}
		time.Sleep(23*time.Second - time.Since(p.began))
		synctest.Wait()
		pings, kept := p.asked()
		require.Equal(t, map[time.Duration]int{
			10 * time.Second: 4, 20 * time.Second: 4,
		}, kept)
		require.Empty(t, pings)
	})
}

// TestWakeDoesNotDelayRecovery: users who leave while Redis is away, one
// after the other without a pause, do not keep the node from looking whether it is
// back.
func TestWakeDoesNotDelayRecovery(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q, p := startTestQuota(t)
		p.leave(true)
		q.markUnavailable()
		for range 30 {
			time.Sleep(100 * time.Millisecond)
			notify(q.wake)
			synctest.Wait()
		}
		pings, _ := p.asked()
		require.Len(t, pings, 3)
		p.leave(false)
		time.Sleep(time.Second)
		synctest.Wait()
		require.False(t, q.unavailable.Load())
	})
}
