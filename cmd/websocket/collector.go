package main

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"time"
)

const (
	// idleGC is the collector's target in percent while the heap is large. Most of
	// this service's memory belongs to idle sockets: collecting sooner keeps it a
	// sixth smaller and costs little while nobody connects.
	idleGC = 50
	// mostGC bounds the target while next to nothing lives.
	mostGC = 3200
	// roomGC is how much garbage is not worth a collection, in bytes. A small heap
	// would be collected for a handful of messages otherwise, each time with the
	// stacks of all sockets.
	roomGC = 24 << 20
	// rushGC is roomGC in a rush: a storm of handshakes lets the heap grow as
	// fast as it makes garbage, and every collection on the way looks at all of it
	// again, which was a fifth of a handshake.
	rushGC = 128 << 20

	// calmAfter is how long nearly nothing must be asked of the heap, calmBytes,
	// for work to be over.
	calmAfter = time.Second
	calmBytes = 1 << 20
	// worthGC is how much of what work leaves behind is worth a collection when it
	// is over.
	worthGC = 8 << 20
)

// target is the collector's target for what lived at the last collection: so
// that the heap may grow by half, and at least by room. It moves in steps, so that
// it is set anew seldom.
func target(live, room uint64) int {
	const step = 10
	if live == 0 {
		return mostGC
	}
	percent := room * 100 / live / step * step
	return int(min(max(percent, idleGC), mostGC))
}

// pacer sets the target: after each collection, because one that was due means a
// rush, and when work is over.
type pacer struct {
	calmAfter time.Duration

	mu      sync.Mutex
	percent int
	rush    bool
	worked  bool   // since the last look back
	tidying bool   // the next collection is ours
	asked   uint64 // of the heap, in bytes, at the last look
	heap    sizes
}

// pace begins to set the collector's target, for as long as the process lives. It
// has no goroutine of its own: a collection calls it when it finds what it left
// behind, and a timer when it may be time to tidy.
func pace(calmAfter time.Duration) {
	p := &pacer{calmAfter: calmAfter, tidying: true, heap: newSizes()}
	p.collected()
	p.look()
}

// collected takes note of a collection.
func (p *pacer) collected() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.heap.read()
	p.rush = p.rush || !p.tidying
	p.tidying = false
	p.aim()
	// Large enough not to share its memory with other small things.
	runtime.AddCleanup(new([64]byte), (*pacer).collected, p)
}

// aim sets the target in force.
func (p *pacer) aim() {
	room := uint64(roomGC)
	if p.rush {
		room = rushGC
	}
	if percent := target(p.heap.live(), room); percent != p.percent {
		p.percent = percent
		debug.SetGCPercent(percent)
	}
}

// look gives back what work took, when it is over.
func (p *pacer) look() {
	if p.over() {
		debug.FreeOSMemory()
	}
	time.AfterFunc(p.calmAfter, p.look)
}

// over reports whether there was work that has ended and left much behind.
func (p *pacer) over() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.heap.read()
	asked := p.heap.asked() - p.asked
	p.asked += asked
	if asked > calmBytes {
		p.worked = true
		return false
	}
	much := (p.worked || p.rush) && p.heap.spare() > worthGC
	p.worked, p.rush, p.tidying = false, false, much
	if !much { // else the target is set behind the collection
		p.aim()
	}
	return much
}

// sizes are the heap's, in bytes.
type sizes []metrics.Sample

func newSizes() sizes {
	return sizes{
		{Name: "/gc/heap/live:bytes"},
		{Name: "/gc/scan/stack:bytes"},
		{Name: "/gc/heap/allocs:bytes"},
		{Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/memory/classes/heap/free:bytes"},
	}
}

func (s sizes) read() { metrics.Read(s) }

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
