package main

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"

	"github.com/huleedu/edge/domain"
)

const (
	// idleGC is the collector's target in percent while the heap is large. Most of
	// this service's memory belongs to idle sockets: collecting sooner keeps it a
	// sixth smaller and costs little while nobody connects.
	idleGC = 50
	// leastRoom is how much garbage is not worth a collection while next to nothing
	// lives, in bytes, and mostRoom however much does: a storm of handshakes lets the
	// heap grow as fast as it makes garbage, and a collection on the way looks at all
	// sockets that are in already, and at their stacks. That was a fifth of a
	// handshake. What work leaves behind is collected after it.
	leastRoom, mostRoom = 48 << 20, 192 << 20
	// freeRoom is what may be garbage besides what lives, in percent of it, between
	// the two. More, and the first thousands of sockets that come lie as far apart as
	// their handshakes' garbage made them: it is gone when they are in, its room not.
	freeRoom = 400
	// mostGC is the target for leastRoom: the runtime takes next to nothing for 4 MiB.
	mostGC = leastRoom / (4 << 20) * 100

	// calmAfter is how long less than calmBytes must be asked of the heap for work to
	// be over: pings and leases of 20,000 sockets ask for a quarter. quietFor is how
	// much longer nobody looks when it was over before.
	calmAfter = time.Second
	calmBytes = 8 << 20
	quietFor  = 2.5
	// worthGC is how much of what work leaves behind is worth a collection when it
	// is over, and idleRoom how much may gather while there is none.
	worthGC  = 8 << 20
	idleRoom = 48 << 20
)

// target is the collector's target for what lived at the last collection: so
// that the heap may grow by half, and at least by its room. It moves in steps, so
// that it is set anew seldom.
func target(live uint64) int {
	const step = 10
	if live == 0 {
		return mostGC
	}
	room := min(max(live*freeRoom/100, leastRoom), mostRoom)
	percent := room * 100 / live / step * step
	return int(min(max(percent, idleGC), mostGC))
}

// pacer sets the target after each collection, and collects when work is over.
type pacer struct {
	calmAfter time.Duration
	percent   int    // of the goroutine that collected runs on
	worked    bool   // before the last look
	asked     uint64 // of the heap, in bytes, at the last look
}

// pace begins to set the collector's target, for as long as the process lives. It
// has no goroutine of its own: a collection calls it when it finds what it left
// behind, and a timer when it may be time to tidy.
func pace(calmAfter time.Duration) {
	p := &pacer{calmAfter: calmAfter}
	p.collected()
	p.look()
}

// collected sets the target for what lives.
func (p *pacer) collected() {
	heap := sizesNow()
	if percent := target(heap.live()); percent != p.percent {
		p.percent = percent
		debug.SetGCPercent(percent)
	}
	// Large enough not to share its memory with other small things.
	runtime.AddCleanup(new([64]byte), (*pacer).collected, p)
}

// look gives back what work took, once it is over, and what gathered since.
func (p *pacer) look() {
	heap := sizesNow()
	asked := heap.asked() - p.asked
	p.asked += asked
	worked, spare := p.worked, heap.spare()
	p.worked = asked > calmBytes
	switch {
	case p.worked:
	case worked && spare > worthGC:
		runtime.GC() // each collection halves the stacks that grew
		debug.FreeOSMemory()
	case spare > idleRoom:
		debug.FreeOSMemory()
	}
	rest := p.calmAfter
	if !p.worked {
		rest = domain.UntilBeat(time.Now(), time.Duration(quietFor*float64(rest)))
	}
	time.AfterFunc(rest, p.look)
}

// sizes are the heap's, in bytes.
type sizes []metrics.Sample

func sizesNow() sizes {
	s := sizes{
		{Name: "/gc/heap/live:bytes"},
		{Name: "/gc/scan/stack:bytes"},
		{Name: "/gc/heap/allocs:bytes"},
		{Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/memory/classes/heap/free:bytes"},
	}
	metrics.Read(s)
	return s
}

func (s sizes) at(i int) uint64 {
	if s[i].Value.Kind() != metrics.KindUint64 { // this Go does not tell
		return 0
	}
	return s[i].Value.Uint64()
}

// live is what the collector's target is a part of.
func (s sizes) live() uint64 { return s.at(0) + s.at(1) }

// asked is what was ever asked of the heap.
func (s sizes) asked() uint64 { return s.at(2) }

// spare is what could be given back, at most: not all that came since the last
// collection is garbage.
func (s sizes) spare() uint64 { return s.at(3) - min(s.at(3), s.at(0)) + s.at(4) }
