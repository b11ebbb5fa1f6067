package contract

import (
	"runtime"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The part of RateLimiter's suite that takes the technology away, and its
// benchmark.

// awayPatience bounds a decision that finds out that the technology is away;
// atOnce one that knows.
const (
	awayPatience = 2 * time.Second
	atOnce       = 50 * time.Millisecond
)

func (h LimiterHarness) decidesAlone(t *testing.T) {
	rig := h.New(t)
	one, two := rig.Node(), rig.Node()
	rig.Break()
	t.Cleanup(rig.Mend)
	began := time.Now()
	one.Take(t.Context(), freshParty(), limitOf(1))
	two.Take(t.Context(), freshParty(), limitOf(1))
	require.Less(t, time.Since(began), awayPatience)
	rig.Alone(true)
	party := freshParty()
	began = time.Now()
	for range 3 {
		require.True(t, one.Take(t.Context(), party, limitOf(3)).Allowed)
		require.True(t, two.Take(t.Context(), party, limitOf(3)).Allowed)
	}
	require.False(t, one.Take(t.Context(), party, limitOf(3)).Allowed)
	require.False(t, two.Take(t.Context(), party, limitOf(3)).Allowed)
	require.Less(t, time.Since(began), atOnce*8)
}

func (h LimiterHarness) countsTogetherAgain(t *testing.T) {
	rig := h.New(t)
	one, two := rig.Node(), rig.Node()
	rig.Break()
	one.Take(t.Context(), freshParty(), limitOf(1))
	two.Take(t.Context(), freshParty(), limitOf(1))
	rig.Alone(true)
	rig.Mend()
	rig.Alone(false)
	party := freshParty()
	require.True(t, one.Take(t.Context(), party, limitOf(2)).Allowed)
	require.True(t, two.Take(t.Context(), party, limitOf(2)).Allowed)
	require.False(t, one.Take(t.Context(), party, limitOf(2)).Allowed)
	require.False(t, two.Take(t.Context(), party, limitOf(2)).Allowed)
}

// BenchmarkRateLimiter measures a decision, alone and among 64 callers, each
// caller a party of its own that stays within its limit; and one that is
// refused.
func BenchmarkRateLimiter(b *testing.B, h LimiterHarness) {
	limit := limitOf(1 << 40)
	b.Run("alone", func(b *testing.B) {
		rig, party := h.New(b), freshParty()
		l := rig.Node()
		defer measure(b, rig)()
		for b.Loop() {
			l.Take(b.Context(), party, limit)
		}
	})
	b.Run("64 callers", func(b *testing.B) {
		rig, refused := h.New(b), atomic.Int64{}
		l := rig.Node()
		b.SetParallelism(max(64/runtime.GOMAXPROCS(0), 1))
		defer measure(b, rig)()
		b.RunParallel(func(pb *testing.PB) {
			party := freshParty()
			for pb.Next() {
				if !l.Take(b.Context(), party, limit).Allowed {
					refused.Add(1)
				}
			}
		})
		require.Zero(b, refused.Load())
	})
	b.Run("refused", func(b *testing.B) {
		l, party := h.New(b).Node(), freshParty()
		l.Take(b.Context(), party, limitOf(1))
		b.ReportAllocs()
		for b.Loop() {
			l.Take(b.Context(), party, limitOf(1))
		}
	})
}

// measure reports what each decision costs besides time, once it is called
// again: CPU of this process, its adapter's servers left out, and round trips.
func measure(b *testing.B, rig LimiterRig) (report func()) {
	b.Helper()
	trips := rig.Trips
	if trips == nil {
		trips = func() int64 { return 0 }
	}
	b.ReportAllocs()
	asked, spent := trips(), cpu(b)
	return func() {
		b.ReportMetric(float64(cpu(b)-spent)/float64(b.N), "cpu-ns/op")
		if rig.Trips != nil {
			b.ReportMetric(float64(trips()-asked)/float64(b.N), "trips/op")
		}
	}
}

// cpu is what this process has used of the processors so far, in nanoseconds.
func cpu(b *testing.B) int64 {
	b.Helper()
	var u syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return u.Utime.Nano() + u.Stime.Nano()
}
