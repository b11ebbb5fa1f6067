package contract

import (
	"slices"
	"sync"
	"testing"
	"time"
)

// latencies collects the durations of single operations. The testing package reports
// only their mean.
type latencies struct {
	mu        sync.Mutex
	durations []time.Duration
}

func newLatencies(n int) *latencies { return &latencies{durations: make([]time.Duration, 0, n)} }

func (l *latencies) add(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.durations = append(l.durations, d)
}

// report adds the median and the 99th percentile in milliseconds to the benchmark.
func (l *latencies) report(b *testing.B) {
	slices.Sort(l.durations)
	for name, share := range map[string]int{"p50-ms": 50, "p99-ms": 99} {
		at := l.durations[min(len(l.durations)*share/100, len(l.durations)-1)]
		b.ReportMetric(float64(at.Microseconds())/1000, name)
	}
}
