package faults_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/huleedu/edge/test/harness"
	"github.com/huleedu/edge/test/pause"
)

// readinessWatch records every change of a node's readiness.
type readinessWatch struct {
	addr   string
	cancel context.CancelFunc
	done   sync.WaitGroup

	mu     sync.Mutex
	states []string
	since  []time.Time
}

func watchReadiness(t *testing.T, addr string) *readinessWatch {
	t.Helper()
	ctx, end := context.WithCancel(context.Background())
	w := &readinessWatch{addr: addr, cancel: end}
	w.done.Go(func() {
		for ; ctx.Err() == nil; pause.For(50*time.Millisecond, "the interval of the readiness probe") {
			w.record(harness.Readiness(ctx, addr))
		}
	})
	t.Cleanup(w.stop)
	return w
}

func (w *readinessWatch) stop() {
	w.cancel()
	w.done.Wait()
}

func (w *readinessWatch) record(now string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if n := len(w.states); n == 0 || w.states[n-1] != now {
		w.states, w.since = append(w.states, now), append(w.since, time.Now())
	}
}

// observed reports whether the node has ever had the status.
func (w *readinessWatch) observed(what string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Contains(w.states, what)
}

// describe describes the changes after a time.
func (w *readinessWatch) describe(from time.Time) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var parts []string
	for i, status := range w.states {
		if w.since[i].After(from) {
			parts = append(parts, fmt.Sprintf("%s after %s", status, seconds(w.since[i].Sub(from))))
		}
	}
	if len(parts) == 0 {
		return "ready throughout"
	}
	return strings.Join(parts, ", ")
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }
