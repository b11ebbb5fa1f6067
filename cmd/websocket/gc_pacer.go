package main

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"

	"github.com/huleedu/edge/domain"
)

const (
	// minPercent is the collector's target in percent while the heap is large. Most of
	// this service's memory belongs to idle sockets: collecting sooner keeps it a
	// sixth smaller and costs little while nobody connects.
	minPercent = 50
	// minHeadroom is how much garbage is not worth a collection while next to nothing
	// lives, in bytes, and mostRoom however much does: a storm of handshakes lets the
	// heap grow as fast as it makes garbage, and a collection on the way looks at all
	// sockets that are in already, and at their stacks. That was a fifth of a
	// handshake. What work leaves behind is collected after it.
	minHeadroom, maxHeadroom = 48 << 20, 192 << 20
	// headroomPercent is what may be garbage besides what lives, in percent of it, between
	// the two. More, and the first thousands of sockets that come lie as far apart as
	// their handshakes' garbage made them: it is gone when they are in, its room not.
	headroomPercent = 400
	// maxPercent is the target for leastRoom: the runtime takes next to nothing for 4 MiB.
	maxPercent = minHeadroom / (4 << 20) * 100

	// idleAfter is how long less than calmBytes must be asked of the heap for work to
	// be over: pings and leases of 20,000 sockets ask for a quarter. quietFor is how
	// much longer nobody looks when it was over before.
	idleAfter = time.Second
	idleBytes = 8 << 20
	idleFactor  = 2.5
	// minReclaim is how much of what work leaves behind is worth a collection when it
	// is over, and idleRoom how much may gather while there is none.
	minReclaim  = 8 << 20
	maxIdleGarbage = 48 << 20
)

// gcPercent is the collector's target for what lived at the last collection: so
// that the heap may grow by half, and at least by its room. It moves in steps, so
// that it is set anew seldom.
func gcPercent(live uint64) int {
	const step = 10
	if live == 0 {
		return maxPercent
	}
	room := min(max(live*headroomPercent/100, minHeadroom), maxHeadroom)
	percent := room * 100 / live / step * step
	return int(min(max(percent, minPercent), maxPercent))
}

// gcPacer sets the target after each collection, and collects when work is over.
type gcPacer struct {
	calmAfter time.Duration
	percent   int    // of the goroutine that collected runs on
	busy    bool   // before the last look
	allocated     uint64 // of the heap, in bytes, at the last look
}

// startPacer begins to set the collector's target, for as long as the process lives. It
// has no goroutine of its own: a collection calls it when it finds what it left
// behind, and a timer when it may be time to tidy.
func startPacer(calmAfter time.Duration) {
	p := &gcPacer{calmAfter: calmAfter}
	p.afterGC()
	p.check()
}

// afterGC sets the target for what lives.
func (p *gcPacer) afterGC() {
	heap := readHeapMetrics()
	if percent := gcPercent(heap.live()); percent != p.percent {
		p.percent = percent
		debug.SetGCPercent(percent)
	}
	// Large enough not to share its memory with other small things.
	runtime.AddCleanup(new([64]byte), (*gcPacer).afterGC, p)
}

// check gives back what work took, once it is over, and what gathered since.
func (p *gcPacer) check() {
	heap := readHeapMetrics()
	asked := heap.allocated() - p.allocated
	p.allocated += asked
	worked, spare := p.busy, heap.reclaimable()
	p.busy = asked > idleBytes
	switch {
	case p.busy:
	case worked && spare > minReclaim:
		runtime.GC() // each collection halves the stacks that grew
		debug.FreeOSMemory()
	case spare > maxIdleGarbage:
		debug.FreeOSMemory()
	}
	rest := p.calmAfter
	if !p.busy {
		rest = domain.UntilBeat(time.Now(), time.Duration(idleFactor*float64(rest)))
	}
	time.AfterFunc(rest, p.check)
}

// heapMetrics are the heap's, in bytes.
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
	if s[i].Value.Kind() != metrics.KindUint64 { // this Go does not tell
		return 0
	}
	return s[i].Value.Uint64()
}

// live is what the collector's target is a part of.
func (s heapMetrics) live() uint64 { return s.at(0) + s.at(1) }

// allocated is what was ever asked of the heap.
func (s heapMetrics) allocated() uint64 { return s.at(2) }

// reclaimable is what could be given back, at most: not all that came since the last
// collection is garbage.
func (s heapMetrics) reclaimable() uint64 { return s.at(3) - min(s.at(3), s.at(0)) + s.at(4) }
