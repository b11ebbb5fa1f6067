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
	"github.com/huleedu/edge/test/background"
	"github.com/huleedu/edge/test/recorded"
)

// fakeRedis is a hook that answers all commands at once, or with an error during an outage. It
// records the time of each ping, the number of keys of the scripts at each time, and the number of
// scripts and of published messages.
type fakeRedis struct {
	began time.Time

	mu      sync.Mutex
	outage  bool
	refuses bool  // to run scripts
	result  int64 // of a script for each key

	scripts, published int
	pings              []time.Duration
	renewed            map[time.Duration]int
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
		if c.Name() == "publish" {
			p.published++
		}
		script, is := c.(*goredis.Cmd)
		if p.outage || is && p.refuses {
			c.SetErr(errors.New("outage"))
			return c.Err()
		}
		if is {
			p.scripts++
			keys := c.Args()[2].(int)
			p.renewed[at] += keys
			script.SetVal(make([]any, keys))
			for i := range keys {
				script.Val().([]any)[i] = p.result
			}
		}
		return nil
	}
}

func (*fakeRedis) ProcessPipelineHook(next goredis.ProcessPipelineHook) goredis.ProcessPipelineHook {
	return next
}

// setOutage starts or ends an outage.
func (p *fakeRedis) setOutage(outage bool) { p.change(func() { p.outage = outage }) }

// change changes the fields while no command runs.
func (p *fakeRedis) change(do func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	do()
}

// commands returns the commands so far.
func (p *fakeRedis) commands() (pings []time.Duration, renewed map[time.Duration]int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.pings), maps.Clone(p.renewed)
}

// startTestQuota runs a quota on a fakeRedis until the test ends.
func startTestQuota(t *testing.T) (*Quota, *fakeRedis) {
	t.Helper()
	p := &fakeRedis{began: time.Now(), renewed: map[time.Duration]int{}}
	rdb := goredis.NewClient(&goredis.Options{Addr: "127.0.0.1:1"})
	rdb.AddHook(p)
	q := NewQuota(&Client{rdb: rdb}, QuotaConfig{PerUser: 5, Node: "n"}, memory.NewQuota(5), recorded.NoFacts{})
	t.Cleanup(func() { require.NoError(t, rdb.Close()) })
	background.Run(t, q.Run)
	return q, p
}

// Each lease is renewed before it is ten seconds old. All leases are renewed in one command,
// and no other command is sent.
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
		pings, renewed := p.commands()
		require.Equal(t, map[time.Duration]int{
			10 * time.Second: 4, 20 * time.Second: 4,
		}, renewed)
		require.Empty(t, pings)
		require.Equal(t, 2, p.scripts)
	})
}

// Releases during an outage must not delay the pings that detect its end.
func TestReleasesDoNotDelayRecovery(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q, p := startTestQuota(t)
		p.setOutage(true)
		q.markUnavailable()
		for range 30 {
			time.Sleep(100 * time.Millisecond)
			require.NoError(t, q.Acquire(t.Context(), "u", "s"))
			q.Release("u", "s")
			synctest.Wait()
		}
		pings, _ := p.commands()
		require.Len(t, pings, 3)
		p.setOutage(false)
		time.Sleep(time.Second)
		synctest.Wait()
		require.False(t, q.unavailable.Load())
	})
}

// A lease whose release failed is released when the renewal ends, so that a node that stops
// leaves none behind.
func TestRenewalReleasesLeasesAtItsEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &fakeRedis{began: time.Now(), renewed: map[time.Duration]int{}}
		rdb := goredis.NewClient(&goredis.Options{Addr: "127.0.0.1:1"})
		rdb.AddHook(p)
		q := NewQuota(&Client{rdb: rdb}, QuotaConfig{PerUser: 5, Node: "n"}, memory.NewQuota(5), recorded.NoFacts{})
		q.held.add(newLease("u", "s", "n"))
		q.markUnavailable()
		q.Release("u", "s")
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.NoError(t, q.Run(ctx))
		_, released := p.commands()
		require.Equal(t, map[time.Duration]int{0: 1}, released)
		require.NoError(t, rdb.Close())
	})
}

// A renewal that fails starts the outage, and the first one that succeeds ends it.
func TestQuotaDecidesAloneFromAFailedRenewalOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q, p := startTestQuota(t)
		q.held.add(newLease("u", "s", "n"))
		p.setOutage(true)
		time.Sleep(9500 * time.Millisecond)
		require.False(t, q.unavailable.Load(), "no renewal was due")
		time.Sleep(time.Second)
		require.True(t, q.unavailable.Load())
		p.setOutage(false)
		time.Sleep(time.Second)
		synctest.Wait()
		require.False(t, q.unavailable.Load())
		_, renewed := p.commands()
		require.Equal(t, map[time.Duration]int{11 * time.Second: 1}, renewed)
	})
}

// Without a lease only the ping tells that Redis does not answer.
func TestAnOutageWithoutLeasesEndsWithAPing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q, p := startTestQuota(t)
		p.setOutage(true)
		q.markUnavailable()
		time.Sleep(5500 * time.Millisecond)
		require.True(t, q.unavailable.Load())
		p.setOutage(false)
		time.Sleep(time.Second)
		synctest.Wait()
		require.False(t, q.unavailable.Load())
	})
}

// After Redis has lost leases that it had confirmed, all leases are renewed again soon: it can have lost
// its data after the first of them were renewed.
func TestLeasesAreRenewedAgainAfterALoss(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q, p := startTestQuota(t)
		q.held.add(newLease("u", "new", "n"))
		confirmed := newLease("u", "confirmed", "n")
		confirmed.confirmed = true
		q.held.add(confirmed)
		p.change(func() { p.result = 1 })
		time.Sleep(10500 * time.Millisecond)
		p.change(func() { p.result = 0 })
		time.Sleep(5 * time.Second)
		synctest.Wait()
		_, renewed := p.commands()
		require.Equal(t, map[time.Duration]int{10 * time.Second: 2, 11 * time.Second: 2}, renewed)
	})
}

// A release that Redis refuses is repeated, and no lease of it is forgotten.
func TestRefusedReleasesAreRepeated(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q, p := startTestQuota(t)
		p.change(func() { p.refuses = true })
		for _, session := range []string{"a", "b"} {
			q.held.add(newLease("u", session, "n"))
			q.Release("u", session)
		}
		time.Sleep(3500 * time.Millisecond)
		require.True(t, q.unavailable.Load())
		p.change(func() { p.refuses = false })
		time.Sleep(time.Second)
		synctest.Wait()
		_, released := p.commands()
		require.Equal(t, map[time.Duration]int{4 * time.Second: 2}, released)
		require.False(t, q.held.mustRelease())
		require.False(t, q.unavailable.Load())
	})
}

func TestReclaimIsNotPublishedDuringAnOutage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q, p := startTestQuota(t)
		q.Reclaim(t.Context(), "u")
		require.Equal(t, 1, p.published)
		q.markUnavailable()
		q.Reclaim(t.Context(), "u")
		require.Equal(t, 1, p.published)
	})
}
