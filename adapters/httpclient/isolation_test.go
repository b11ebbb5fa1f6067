package httpclient_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/httpclient"
	"github.com/huleedu/edge/adapters/memory"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/recorded"
	"github.com/huleedu/edge/test/tcp"
)

// withoutResponse starts a service that accepts connections and does not respond. accepted is
// the number of its connections.
func withoutResponse(tb testing.TB) (url string, accepted *atomic.Int64) {
	tb.Helper()
	accepted = &atomic.Int64{}
	return "http://" + tcp.Serve(tb, func(net.Conn) {
		accepted.Add(1)
		<-tb.Context().Done()
	}), accepted
}

func user(i int) domain.Caller {
	return domain.Caller{User: domain.UserID(fmt.Sprintf("teacher-%d", i))}
}

// startCalls starts calls of different users and returns their errors. It cancels the calls when
// the test ends.
func startCalls(tb testing.TB, client *httpclient.PlatformClient, callers int) (outcomes chan error) {
	tb.Helper()
	outcomes = make(chan error, callers)
	ctx, cancel := context.WithCancel(tb.Context())
	var waiting sync.WaitGroup
	for i := range callers {
		waiting.Go(func() {
			_, err := client.Status(ctx, user(i), "b1")
			outcomes <- err
		})
	}
	tb.Cleanup(func() { cancel(); waiting.Wait() })
	return outcomes
}

func TestAFailingServiceDoesNotAffectTheOthers(t *testing.T) {
	closed := serve(t, 200, ``)
	closed.Close()
	unresponsive, _ := withoutResponse(t)
	for name, aggregator := range map[string]string{
		"refuses connections": closed.URL, "hangs": unresponsive, "closes connections": serveText(t, ""), "fails": serve(t, 503, `{}`).URL,
	} {
		t.Run(name, func(t *testing.T) {
			orchestrator, classes := serve(t, 200, `{"allowed":true}`), serve(t, 200, `[]`)
			c := config(aggregator, orchestrator.URL)
			c.Timeout, c.MaxConcurrency = time.Second, 40
			client := newBatches(t, c, &memory.Facts{})
			forwarder := httpclient.NewForwarder("class_management", c, &memory.Facts{}, slog.New(slog.DiscardHandler))
			t.Cleanup(forwarder.CloseIdleConnections)
			var all sync.WaitGroup
			refused := flood(t, &all, client)
			for i := range 20 {
				all.Go(func() { useOthers(t, client, forwarder, classes.URL, user(i)) })
			}
			all.Wait()
			require.Positive(t, refused.Load(), "not every call waits for the failing service")
			_, err := client.Status(t.Context(), anna(), "b1")
			require.Equal(t, domain.CircuitBreakerOpen, domain.CodeOf(err))
			h := client.Health(t.Context())
			require.Equal(t, domain.Degraded, h.Condition)
			require.Contains(t, h.Note, "Circuit open: result_aggregator")
			require.NotContains(t, h.Note, "batch_orchestrator")
			require.Equal(t, domain.Healthy, forwarder.Health(t.Context()).Condition)
		})
	}
}

// flood makes more calls to the aggregator than it has slots, and counts the calls that the
// guard refused.
func flood(t *testing.T, all *sync.WaitGroup, client *httpclient.PlatformClient) (refused *atomic.Int64) {
	t.Helper()
	refused = &atomic.Int64{}
	for i := range 400 {
		all.Go(func() {
			_, err := client.Status(t.Context(), user(i), "b1")
			if code := domain.CodeOf(err); code == domain.CircuitBreakerOpen || code == domain.ServiceUnavailable {
				refused.Add(1)
			}
		})
	}
	return refused
}

// useOthers requires that every other service responds.
func useOthers(t *testing.T, client *httpclient.PlatformClient, f *httpclient.Forwarder, classes string, caller domain.Caller) {
	t.Helper()
	for range 10 {
		if _, err := client.Check(t.Context(), caller, "b1", "nlp"); err != nil {
			t.Errorf("orchestrator: %v", err)
		}
		if body, err := forward(t.Context(), t, f, classes); err != nil || body != "[]" {
			t.Errorf("classes: %q %v", body, err)
		}
	}
}

func TestHealthNamesAnOpenCircuit(t *testing.T) {
	s := serve(t, 503, ``)
	c := config(s.URL, "")
	client := newBatches(t, c, &memory.Facts{})
	f := httpclient.NewForwarder("bff_teacher", c, &memory.Facts{}, slog.New(slog.DiscardHandler))
	t.Cleanup(f.CloseIdleConnections)
	require.Equal(t, domain.Health{Name: "bff_teacher", Condition: domain.Healthy, Note: "Circuit closed"}, f.Health(t.Context()))
	for range 5 {
		_, err := client.Status(t.Context(), anna(), "b1")
		require.Equal(t, domain.ExternalServiceError, domain.CodeOf(err))
		_, err = forward(t.Context(), t, f, s.URL)
		require.NoError(t, err)
	}
	require.Equal(t, "No answer from result_aggregator; Circuit open: result_aggregator", client.Health(t.Context()).Note)
	h := f.Health(t.Context())
	require.Equal(t, domain.Degraded, h.Condition)
	require.Equal(t, "Circuit open", h.Note)
	require.Error(t, h.Err)
}

func TestHealthIsDegradedWithAnOpenCircuit(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/healthz" {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	t.Cleanup(s.Close)
	client := newBatches(t, config(s.URL, ""), &memory.Facts{})
	for range 5 {
		_, err := client.Status(t.Context(), anna(), "b1")
		require.Error(t, err)
	}
	h := client.Health(t.Context())
	require.Equal(t, domain.Degraded, h.Condition)
	require.Equal(t, "Circuit open: result_aggregator", h.Note)
	require.Error(t, h.Err)
}

func TestRefusalsAreNotObservedAsCalls(t *testing.T) {
	s := serve(t, 503, ``)
	observer := &memory.Facts{}
	client := newBatches(t, config(s.URL, ""), observer)
	for range 9 {
		_, err := client.Status(t.Context(), anna(), "b1")
		require.Error(t, err)
	}
	require.Len(t, recorded.FactsOf[domain.ServiceCalled](observer.All()), 5)
}

// TestWaitingCallsTakeLittleMemory: further calls are refused at once.
func TestWaitingCallsTakeLittleMemory(t *testing.T) {
	const callers, over = 1000, 100
	unresponsive, taken := withoutResponse(t)
	c := config(unresponsive, "")
	c.Timeout, c.ConnectTimeout, c.MaxConcurrency = 15*time.Second, 15*time.Second, callers
	client := newBatches(t, c, &memory.Facts{})
	before := memoryInUse()
	outcomes := startCalls(t, client, callers+over)
	for range over {
		require.Equal(t, domain.ServiceUnavailable, domain.CodeOf(<-outcomes))
	}
	require.Eventually(t, func() bool { return taken.Load() == callers }, 10*time.Second, 10*time.Millisecond)
	held := (memoryInUse() - before) / callers
	t.Logf("a waiting call holds %.1f KB", held/1024)
	require.Less(t, held, 64.0*1024)

	began := time.Now()
	for range callers {
		_, err := client.Status(t.Context(), anna(), "b1")
		require.Equal(t, domain.ServiceUnavailable, domain.CodeOf(err))
	}
	each := time.Since(began) / callers
	t.Logf("a refusal takes %v", each)
	require.Less(t, each, 5*time.Millisecond)
	require.Empty(t, outcomes, "all other calls still wait")
}

// memoryInUse returns the size of the heap and the stacks, in bytes.
func memoryInUse() float64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapInuse + m.StackInuse)
}

func TestOneUserHasAQuarterOfTheSlots(t *testing.T) {
	unresponsive, _ := withoutResponse(t)
	c := config(unresponsive, "")
	c.MaxConcurrency, c.FailureThreshold, c.Timeout = 16, 100, 500*time.Millisecond
	client := newBatches(t, c, &memory.Facts{})
	outcomes := make(chan domain.Code, 20)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			_, err := client.Status(t.Context(), anna(), "b1")
			outcomes <- domain.CodeOf(err)
		})
	}
	all.Wait()
	close(outcomes)
	count := map[domain.Code]int{}
	for code := range outcomes {
		count[code]++
	}
	require.Equal(t, map[domain.Code]int{domain.Timeout: 4, domain.ServiceUnavailable: 16}, count)
}

// TestAPostIsNotSentTwice: a server closes connections during requests with an idempotency key,
// which net/http's Transport would retry.
func TestAPostIsNotSentTwice(t *testing.T) {
	var got sync.Map
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		n, _ := got.LoadOrStore(r.URL.Path, &atomic.Int64{})
		counter, _ := n.(*atomic.Int64)
		counter.Add(1)
		if strings.HasSuffix(r.URL.Path, "7") {
			panic(http.ErrAbortHandler)
		}
	}))
	t.Cleanup(s.Close)
	c := config("http://x", "")
	c.FailureThreshold = 1000
	f := httpclient.NewForwarder("class_management", c, &memory.Facts{}, slog.New(slog.DiscardHandler))
	t.Cleanup(f.CloseIdleConnections)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for n := range 50 {
				req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, fmt.Sprintf("%s/%d/%d", s.URL, i, n), http.NoBody)
				if err != nil {
					t.Error(err)
					return
				}
				req.Header.Set("Idempotency-Key", "k")
				res, err := f.RoundTrip(req)
				if err == nil {
					_, _ = io.Copy(io.Discard, res.Body)
					_ = res.Body.Close()
				}
			}
		})
	}
	all.Wait()
	requests := 0
	got.Range(func(path, n any) bool {
		counter, _ := n.(*atomic.Int64)
		require.Equal(t, int64(1), counter.Load(), path)
		requests++
		return true
	})
	require.GreaterOrEqual(t, requests, 390, "nearly all requests arrived")
}

// TestAStalledUploadTimesOut: the client stops in the middle of the body.
func TestAStalledUploadTimesOut(t *testing.T) {
	backend := serve(t, 200, `{}`)
	c := config("http://x", "")
	c.Timeout, c.StreamIdleTimeout = 100*time.Millisecond, 100*time.Millisecond
	f := httpclient.NewForwarder("class_management", c, &memory.Facts{}, slog.New(slog.DiscardHandler))
	t.Cleanup(f.CloseIdleConnections)
	outcome := make(chan error, 1)
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, in := io.Pipe()
		var pump sync.WaitGroup
		pump.Go(func() { _, _ = io.Copy(in, r.Body) })
		defer func() { _ = http.NewResponseController(w).SetReadDeadline(time.Unix(1, 0)); pump.Wait() }()
		out, err := http.NewRequestWithContext(r.Context(), r.Method, backend.URL, body)
		if err != nil {
			outcome <- err
			return
		}
		res, err := f.RoundTrip(out)
		if err == nil {
			_ = res.Body.Close()
		}
		outcome <- err
	}))
	t.Cleanup(front.Close)
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(front.URL, "http://"))
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	_, err = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nsome")
	require.NoError(t, err)
	select {
	case err := <-outcome:
		require.Equal(t, domain.Timeout, domain.CodeOf(err), err)
	case <-time.After(5 * time.Second):
		t.Fatal("the exchange still waits for its client")
	}
}
