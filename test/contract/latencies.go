package contract

import (
	"slices"
	"sync"
	"testing"
	"time"
)

// latencies collects how long single operations of a benchmark took, which the
// mean that the testing package prints does not tell.
type latencies struct {
	mu   sync.Mutex
	took []time.Duration
}

func newLatencies(n int) *latencies { return &latencies{took: make([]time.Duration, 0, n)} }

func (l *latencies) add(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.took = append(l.took, d)
}

// report adds the median and the 99th percentile, in milliseconds.
func (l *latencies) report(b *testing.B) {
	slices.Sort(l.took)
	for name, share := range map[string]int{"p50-ms": 50, "p99-ms": 99} {
		at := l.took[min(len(l.took)*share/100, len(l.took)-1)]
		b.ReportMetric(float64(at.Microseconds())/1000, name)
	}
}
