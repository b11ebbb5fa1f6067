package main

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTarget(t *testing.T) {
	const mib = 1 << 20
	for live, want := range map[uint64]int{
		0: 800, mib: 800, 8 * mib: 300, 16 * mib: 150, 24 * mib: 100, 25 * mib: 90,
		48 * mib: 50, 100 * mib: 50, 10_000 * mib: 50,
	} {
		require.Equal(t, want, target(live), "%d MiB", live/mib)
	}
}

// percent is the target in force.
func percent(t *testing.T) uint64 {
	t.Helper()
	s := []metrics.Sample{{Name: "/gc/gogc:percent"}}
	metrics.Read(s)
	require.Equal(t, metrics.KindUint64, s[0].Value.Kind())
	return s[0].Value.Uint64()
}

func TestTargetFollowsTheHeap(t *testing.T) {
	before := debug.SetGCPercent(100)
	t.Cleanup(func() { debug.SetGCPercent(before) })
	becomes := func(good func(uint64) bool) func() bool {
		return func() bool {
			runtime.GC()
			return good(percent(t))
		}
	}
	pace()
	require.Eventually(t, becomes(func(p uint64) bool { return p > 2*idleGC }), 10*time.Second, time.Millisecond)
	large := make([]*[1 << 20]byte, 100)
	for i := range large {
		large[i] = new([1 << 20]byte)
	}
	require.Eventually(t, becomes(func(p uint64) bool { return p == idleGC }), 10*time.Second, time.Millisecond)
	runtime.KeepAlive(large)
	require.Eventually(t, becomes(func(p uint64) bool { return p > 2*idleGC }), 10*time.Second, time.Millisecond, "it is smaller again")
}
