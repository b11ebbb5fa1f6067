package contract

import (
	"runtime"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The part of the RateLimiter suite about outages, and the benchmark.

// awayPatience limits a decision that detects the outage. atOnce limits a decision
// after it is detected.
const (
	outageDetectionLimit = 2 * time.Second
	degradedLimit        = 50 * time.Millisecond
)

func (h LimiterHarness) decidesPerNodeDuringOutage(t *testing.T) {
	rig := h.New(t)
	one, two := rig.Node(), rig.Node()
	rig.StartOutage()
	t.Cleanup(rig.EndOutage)
	startedAt := time.Now()
	one.Take(t.Context(), freshParty(), limitOf(1))
	two.Take(t.Context(), freshParty(), limitOf(1))
	require.Less(t, time.Since(startedAt), outageDetectionLimit)
	rig.AwaitDegraded(true)
	party := freshParty()
	startedAt = time.Now()
	for range 3 {
		require.True(t, one.Take(t.Context(), party, limitOf(3)).Allowed)
		require.True(t, two.Take(t.Context(), party, limitOf(3)).Allowed)
	}
	require.False(t, one.Take(t.Context(), party, limitOf(3)).Allowed)
	require.False(t, two.Take(t.Context(), party, limitOf(3)).Allowed)
	require.Less(t, time.Since(startedAt), degradedLimit*8)
}

func (h LimiterHarness) countsTogetherAfterOutage(t *testing.T) {
	rig := h.New(t)
	one, two := rig.Node(), rig.Node()
	rig.StartOutage()
	one.Take(t.Context(), freshParty(), limitOf(1))
	two.Take(t.Context(), freshParty(), limitOf(1))
	rig.AwaitDegraded(true)
	rig.EndOutage()
	rig.AwaitDegraded(false)
	party := freshParty()
	require.True(t, one.Take(t.Context(), party, limitOf(2)).Allowed)
	require.True(t, two.Take(t.Context(), party, limitOf(2)).Allowed)
	require.False(t, one.Take(t.Context(), party, limitOf(2)).Allowed)
	require.False(t, two.Take(t.Context(), party, limitOf(2)).Allowed)
}

// BenchmarkRateLimiter measures a decision sequentially and with 64 callers, each with
// its own party within its limit, and a rejected request.
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

// measure returns a function that reports the CPU time of this process and the round
// trips per decision. The CPU time excludes servers in other processes.
func measure(b *testing.B, rig LimiterRig) (report func()) {
	b.Helper()
	trips := rig.RoundTrips
	if trips == nil {
		trips = func() int64 { return 0 }
	}
	b.ReportAllocs()
	tripsBefore, cpuBefore := trips(), cpu(b)
	return func() {
		b.ReportMetric(float64(cpu(b)-cpuBefore)/float64(b.N), "cpu-ns/op")
		if rig.RoundTrips != nil {
			b.ReportMetric(float64(trips()-tripsBefore)/float64(b.N), "trips/op")
		}
	}
}

// cpu returns the CPU time of this process in nanoseconds.
func cpu(b *testing.B) int64 {
	b.Helper()
	var u syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return u.Utime.Nano() + u.Stime.Nano()
}
