package memory_test

import (
	"runtime"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/memory"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
	"github.com/huleedu/edge/test/contract"
)

func quotaHarness() contract.QuotaHarness {
	return contract.QuotaHarness{New: func(_ testing.TB, perUser int) contract.QuotaRig {
		return contract.QuotaRig{Node: func() (ports.ConnectionQuota, func()) {
			return memory.NewQuota(perUser), func() {}
		}}
	}}
}

func TestQuotaContract(t *testing.T) { contract.ConnectionQuota(t, quotaHarness()) }

// TestQuotaDeletesUsersWithoutSessions checks that memory does not grow with the number of
// users that have disconnected.
func TestQuotaDeletesUsersWithoutSessions(t *testing.T) {
	t.Parallel()
	l := memory.NewQuota(2)
	for _, session := range []string{"a", "b", "a"} {
		require.NoError(t, l.Acquire(t.Context(), "u", session))
	}
	require.Error(t, l.Acquire(t.Context(), "u", "c"))
	for _, session := range []string{"c", "b", "a", "a"} {
		l.Release("u", session)
	}
	require.Zero(t, memory.Users(l))
}

func limiterHarness() contract.LimiterHarness {
	return contract.LimiterHarness{New: func(testing.TB) contract.LimiterRig {
		// All nodes of one process share one limiter.
		l := memory.NewRateLimiter()
		return contract.LimiterRig{Node: func() ports.RateLimiter { return l }}
	}}
}

func TestLimiterContract(t *testing.T) { contract.RateLimiter(t, limiterHarness()) }
func TestLimiterResetsInEachWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, limit := memory.NewRateLimiter(), domain.Limit{Class: domain.LimitQueries, Max: 2, Window: time.Minute}
		for range 3 {
			require.Equal(t, domain.RateDecision{Allowed: true, Remaining: 1, Reset: time.Minute}, l.Take(t.Context(), "u1", limit))
			time.Sleep(20 * time.Second)
			require.Equal(t, domain.RateDecision{Allowed: true, Reset: 40 * time.Second}, l.Take(t.Context(), "u1", limit))
			time.Sleep(40*time.Second - 1)
			require.Equal(t, domain.RateDecision{Reset: 1}, l.Take(t.Context(), "u1", limit))
			time.Sleep(time.Nanosecond)
		}
	})
}

func TestLimiterKeepsAWindowUntilItEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, limit := memory.NewRateLimiter(), domain.Limit{Class: domain.LimitQueries, Max: 1, Window: time.Minute}
		for step := range 600 {
			party := strconv.Itoa(step)
			require.True(t, l.Take(t.Context(), party, limit).Allowed)
			for range 3 {
				time.Sleep(19 * time.Second)
				l.Take(t.Context(), "other party", limit)
				require.False(t, l.Take(t.Context(), party, limit).Allowed)
			}
			time.Sleep(time.Duration(step) * 7 * time.Millisecond)
		}
	})
}

func TestLimiterMemoryIsBounded(t *testing.T) {
	l, limit := memory.NewRateLimiter(), domain.Limit{Class: domain.LimitRefused, Max: 1, Window: time.Hour}
	long := strings.Repeat("x", 1000)
	before := heap()
	for i := range 300_000 {
		require.True(t, l.Take(t.Context(), long+strconv.Itoa(i), limit).Allowed)
	}
	require.Less(t, heap(), before+16<<20)
	require.False(t, l.Take(t.Context(), long+"299999", limit).Allowed, "the newest windows must be kept")
}

// heap returns the live heap in bytes.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
