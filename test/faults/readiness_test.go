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
)

// word is what /readyz says: "ready", "degraded", or "503".
func word(ctx context.Context, addr string) string {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/readyz", http.NoBody)
	if err != nil {
		return err.Error()
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(req)
	if err != nil {
		return "no answer"
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
	require.Eventually(t, func() bool { return word(context.Background(), addr) == "ready" },
		patience, 50*time.Millisecond, "%s is never ready", addr)
}

// watch notes every change of a node's readiness.
type watch struct {
	addr string
	end  context.CancelFunc
	done sync.WaitGroup

	mu    sync.Mutex
	words []string
	since []time.Time
}

func watchReadiness(t *testing.T, addr string) *watch {
	t.Helper()
	ctx, end := context.WithCancel(context.Background())
	w := &watch{addr: addr, end: end}
	w.done.Go(func() {
		for ; ctx.Err() == nil; <-time.After(50 * time.Millisecond) {
			w.note(word(ctx, addr))
		}
	})
	t.Cleanup(w.stop)
	return w
}

func (w *watch) stop() {
	w.end()
	w.done.Wait()
}

func (w *watch) note(now string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if n := len(w.words); n == 0 || w.words[n-1] != now {
		w.words, w.since = append(w.words, now), append(w.since, time.Now())
	}
}

// said reports whether the node has said so at any time.
func (w *watch) said(what string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Contains(w.words, what)
}

// story tells the changes after a moment.
func (w *watch) story(from time.Time) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var parts []string
	for i, word := range w.words {
		if w.since[i].After(from) {
			parts = append(parts, fmt.Sprintf("%s after %s", word, seconds(w.since[i].Sub(from))))
		}
	}
	if len(parts) == 0 {
		return "ready throughout"
	}
	return strings.Join(parts, ", ")
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }
