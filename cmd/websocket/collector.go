package main

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

const (
	// idleGC is the collector's target in percent while the heap is large. Most of
	// this service's memory belongs to idle sockets: collecting sooner keeps it a
	// sixth smaller and costs little while nobody connects.
	idleGC = 50
	// roomGC is how much garbage is not worth a collection, in bytes. A small heap
	// would be collected for a handful of messages otherwise, each time with the
	// stacks of all sockets: an eighth of a busy node's CPU.
	roomGC = 24 << 20
	// mostGC bounds the target while next to nothing lives.
	mostGC = 800
)

// target is the collector's target for what lived at the last collection: so
// that the heap may grow by half, and at least by roomGC. It moves in steps, so
// that it is set anew seldom.
func target(live uint64) int {
	const step = 10
	if live == 0 {
		return mostGC
	}
	percent := roomGC * 100 / live / step * step
	return int(min(max(percent, idleGC), mostGC))
}

// pacer sets the target after each collection.
type pacer struct {
	percent int
	sample  []metrics.Sample
}

// pace begins to set the collector's target, for as long as the process lives. It
// has no goroutine of its own: a collection calls it when it finds what it left
// behind.
func pace() {
	p := &pacer{sample: []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/gc/scan/stack:bytes"}}}
	p.adjust()
}

func (p *pacer) adjust() {
	metrics.Read(p.sample)
	if percent := target(p.live()); percent != p.percent {
		p.percent = percent
		debug.SetGCPercent(percent)
	}
	// Large enough not to share its memory with other small things.
	runtime.AddCleanup(new([64]byte), (*pacer).adjust, p)
}

// live is what the collector's target is a part of.
func (p *pacer) live() (bytes uint64) {
	for _, s := range p.sample {
		if s.Value.Kind() == metrics.KindUint64 {
			bytes += s.Value.Uint64()
		}
	}
	return bytes
}
