package main

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestGCPercentForLiveHeap(t *testing.T) {
	const mib = 1 << 20
	for live, want := range map[uint64]int{
		0: 1200, 3 * mib: 1200, 8 * mib: 600, 12 * mib: 400, 48 * mib: 400, 64 * mib: 300, 192 * mib: 100, 193 * mib: 90,
		384 * mib: 50, 10_000 * mib: 50,
	} {
		require.Equal(t, want, gcPercent(live), "%d MiB", live/mib)
	}
}

// gauge reads one of the runtime's metrics.
func gauge(t *testing.T, name string) uint64 {
	t.Helper()
	s := []metrics.Sample{{Name: name}}
	metrics.Read(s)
	require.Equal(t, metrics.KindUint64, s[0].Value.Kind())
	return s[0].Value.Uint64()
}

func percent(t *testing.T) uint64 {
	t.Helper()
	return gauge(t, "/gc/gogc:percent")
}

// eventually waits until the condition holds.
func eventually(t *testing.T, good func() bool, why string) {
	t.Helper()
	require.Eventually(t, good, 10*time.Second, time.Millisecond, why)
}

// work allocates more garbage than minReclaim.
func work() {
	var last []byte
	for range 2 * minReclaim >> 10 {
		last = make([]byte, 1<<10)
	}
	runtime.KeepAlive(last)
}

// testInterval is the interval of the pacer in this test.
const testInterval = 20 * time.Millisecond

func TestPacerFollowsTheHeap(t *testing.T) {
	old := debug.SetGCPercent(100)
	t.Cleanup(func() { debug.SetGCPercent(old) })
	becomes := func(good func(uint64) bool) func() bool {
		return func() bool {
			runtime.GC()
			return good(percent(t))
		}
	}
	small := func(p uint64) bool { return p > 300 }
	startPacer(testInterval)
	eventually(t, becomes(small), "the heap is small")

	large := make([]*[1 << 20]byte, 400)
	for i := range large {
		large[i] = new([1 << 20]byte)
	}
	eventually(t, becomes(func(p uint64) bool { return p == minPercent }), "the heap is large")
	runtime.KeepAlive(large)
	eventually(t, becomes(small), "the heap is small again")

	// A collection is forced after a burst of work.
	const forced = "/gc/cycles/forced:gc-cycles"
	before := gauge(t, forced)
	require.Eventually(t, func() bool {
		work()
		return gauge(t, forced) > before
	}, 10*time.Second, 3*testInterval, "the garbage is collected")
}
