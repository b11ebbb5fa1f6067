package main

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"

	"github.com/huleedu/edge/domain"
)

const (
	// minPercent is the lowest GOGC value, for a large heap. Most of that memory
	// belongs to idle connections. A value of 50 reduces resident memory by about a
	// sixth and costs little CPU while no client connects.
	minPercent = 50
	// minHeadroom and maxHeadroom limit, in bytes, how much the heap may grow before
	// the next collection. During a burst of handshakes each collection scans all
	// connections and their stacks, which took a fifth of the CPU time of a handshake.
	// The garbage of a burst is therefore collected after it.
	minHeadroom, maxHeadroom = 48 << 20, 192 << 20
	// headroomPercent is the headroom between these limits, in percent of the live
	// heap. A higher value spreads the first thousands of connections over more pages,
	// and these pages stay resident when the garbage between them is freed.
	headroomPercent = 400
	// maxPercent is the highest GOGC value. It gives minHeadroom for a live heap of
	// 4 MiB, the smallest heap that the runtime considers.
	maxPercent = minHeadroom / (4 << 20) * 100

	// idleAfter is the interval of a check, and idleBytes how many bytes an idle
	// process allocates at most in one interval. Pings and leases of 20,000
	// connections need a quarter of it.
	idleAfter = time.Second
	idleBytes = 8 << 20
	// idleFactor multiplies the interval while the process is idle.
	idleFactor = 2.5
	// minReclaim is how many bytes must be reclaimable after a burst to start a
	// collection. maxIdleGarbage is the same limit while the process is idle.
	minReclaim     = 8 << 20
	maxIdleGarbage = 48 << 20
)

// gcPercent returns the GOGC value for the live heap, in bytes. It changes in
// steps of ten, so that the value is set rarely.
func gcPercent(live uint64) int {
	const step = 10
	if live == 0 {
		return maxPercent
	}
	room := min(max(live*headroomPercent/100, minHeadroom), maxHeadroom)
	percent := room * 100 / live / step * step
	return int(min(max(percent, minPercent), maxPercent))
}

// gcPacer sets GOGC after each collection and starts a collection after a burst of
// work.
type gcPacer struct {
	interval  time.Duration
	percent   int    // used only by afterGC
	busy      bool   // in the interval before the last check
	allocated uint64 // total bytes allocated at the last check
}

// startPacer controls GOGC until the process ends. It has no goroutine: each
// collection calls afterGC through a cleanup, and a timer calls check.
func startPacer(interval time.Duration) {
	p := &gcPacer{interval: interval}
	p.afterGC()
	p.check()
}

// afterGC sets GOGC for the live heap and registers itself for the next collection.
func (p *gcPacer) afterGC() {
	heap := readHeapMetrics()
	if percent := gcPercent(heap.live()); percent != p.percent {
		p.percent = percent
		debug.SetGCPercent(percent)
	}
	// The object is too large for the tiny allocator, so it is freed by itself.
	runtime.AddCleanup(new([64]byte), (*gcPacer).afterGC, p)
}

// check returns memory to the operating system: after a burst of work, and when
// garbage accumulates in an idle process.
func (p *gcPacer) check() {
	heap := readHeapMetrics()
	allocated := heap.allocated() - p.allocated
	p.allocated += allocated
	wasBusy, reclaimable := p.busy, heap.reclaimable()
	p.busy = allocated > idleBytes
	switch {
	case p.busy:
	case wasBusy && reclaimable > minReclaim:
		runtime.GC() // a collection also shrinks the stacks
		debug.FreeOSMemory()
	case reclaimable > maxIdleGarbage:
		debug.FreeOSMemory()
	}
	rest := p.interval
	if !p.busy {
		rest = domain.AlignedDelay(time.Now(), time.Duration(idleFactor*float64(rest)))
	}
	time.AfterFunc(rest, p.check)
}

// heapMetrics are samples of the runtime's memory metrics, in bytes.
type heapMetrics []metrics.Sample

func readHeapMetrics() heapMetrics {
	s := heapMetrics{
		{Name: "/gc/heap/live:bytes"},
		{Name: "/gc/scan/stack:bytes"},
		{Name: "/gc/heap/allocs:bytes"},
		{Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/memory/classes/heap/free:bytes"},
	}
	metrics.Read(s)
	return s
}

func (s heapMetrics) at(i int) uint64 {
	if s[i].Value.Kind() != metrics.KindUint64 { // not supported by this Go version
		return 0
	}
	return s[i].Value.Uint64()
}

// live returns the bytes that GOGC refers to: the live heap and the stacks.
func (s heapMetrics) live() uint64 { return s.at(0) + s.at(1) }

// allocated returns the bytes that were allocated since the process started.
func (s heapMetrics) allocated() uint64 { return s.at(2) }

// reclaimable returns an upper bound of the bytes that a collection can free. Some of
// the objects since the last collection may be live.
func (s heapMetrics) reclaimable() uint64 { return s.at(3) - min(s.at(3), s.at(0)) + s.at(4) }
