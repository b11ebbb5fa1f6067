package faults_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/test/pause"
)

// readiness returns the status of /readyz: "ready", "degraded", or the HTTP status.
func readiness(ctx context.Context, addr string) string {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/readyz", http.NoBody)
	if err != nil {
		return err.Error()
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(req)
	if err != nil {
		return "no response"
	}
	defer func() { _ = res.Body.Close() }()
	var in struct{ Status string }
	if res.StatusCode != http.StatusOK || json.NewDecoder(res.Body).Decode(&in) != nil {
		return fmt.Sprint(res.StatusCode)
	}
	return in.Status
}

func awaitReady(t *testing.T, addr string) {
	t.Helper()
	require.Eventually(t, func() bool { return readiness(context.Background(), addr) == "ready" },
		waitLimit, 50*time.Millisecond, "%s did not become ready", addr)
}

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
			w.record(readiness(ctx, addr))
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
