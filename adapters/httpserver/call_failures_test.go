package httpserver_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/httpserver"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/tcp"
)

// closedAddress returns the URL of an address without a listener.
func closedAddress(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	return "http://" + l.Addr().String()
}

// newRawServer starts a server that answers each connection with the same bytes and closes it.
func newRawServer(t *testing.T, answer string) string {
	t.Helper()
	return "http://" + tcp.Serve(t, func(conn net.Conn) {
		_, _ = conn.Read(make([]byte, 4096))
		_, _ = io.WriteString(conn, answer)
	})
}

// failingTransport is a transport whose calls fail.
type failingTransport struct{ err error }

func (r failingTransport) RoundTrip(*http.Request) (*http.Response, error) { return nil, r.err }

func withFailingTransport(err error) change {
	return with(func(p *httpserver.GatewayParts) {
		p.Classes = httpserver.Upstream{URL: "http://classes", Transport: failingTransport{err}}
	})
}

func TestFailedCallsHaveTheStandardError(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change  change
		status  int
		code    domain.Code
		details map[string]any
	}{
		"refused":    {withService(t, closedAddress(t)), 503, "CONNECTION_ERROR", map[string]any{"target": "class_management"}},
		"no answer":  {withFailingTransport(context.DeadlineExceeded), 504, "TIMEOUT", map[string]any{}},
		"slow":       {withFailingTransport(&net.OpError{Op: "read", Err: timeoutError{}}), 504, "TIMEOUT", map[string]any{}},
		"reset":      {withFailingTransport(&net.OpError{Op: "read", Err: io.EOF}), 503, "CONNECTION_ERROR", map[string]any{"target": "class_management"}},
		"no HTTP":    {withService(t, newRawServer(t, "HELLO\r\n\r\n")), 502, "INVALID_RESPONSE", map[string]any{}},
		"status 99":  {withService(t, newRawServer(t, "HTTP/1.1 099 X\r\nContent-Length: 0\r\n\r\n")), 502, "INVALID_RESPONSE", map[string]any{}},
		"status 600": {withService(t, newRawServer(t, "HTTP/1.1 600 X\r\nContent-Length: 0\r\n\r\n")), 502, "INVALID_RESPONSE", map[string]any{}},
		"own error":  {withFailingTransport(errors.Join(domain.TimedOut("class_management", time.Second, nil))), 504, "TIMEOUT", map[string]any{"timeout_seconds": 1.0}},
		"circuit": {
			withFailingTransport(domain.CircuitOpen("class_management", 9*time.Second)), 503, "CIRCUIT_BREAKER_OPEN",
			map[string]any{"circuit_name": "class_management"},
		},
		"without details": {withFailingTransport(&domain.Error{Code: domain.ServiceUnavailable}), 503, "SERVICE_UNAVAILABLE", map[string]any{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newEnvironment(t, c.change)
			r := call(t, "GET", w.base+"/v1/classes/a", "", bearer)
			f := requireError(t, r, c.status, c.code)
			c.details["external_service"] = "class_management"
			require.Equal(t, c.details, f.Details)
			require.NotContains(t, r.body, "127.0.0.1")
			require.Len(t, w.failed(), 1)
			if name == "circuit" {
				require.Equal(t, "9", r.Header.Get("Retry-After"))
			}
		})
	}
}

type timeoutError struct{}

func (timeoutError) Error() string   { return "slow" }
func (timeoutError) Timeout() bool   { return true }
func (timeoutError) Temporary() bool { return true }

// TestForwardingStreamsBothWays checks that each side receives what the other has sent so far.
func TestForwardingStreamsBothWays(t *testing.T) {
	t.Parallel()
	w := newServedEnvironment(t, func(rw http.ResponseWriter, r *http.Request) {
		control := http.NewResponseController(rw)
		_ = control.EnableFullDuplex()
		lines := bufio.NewScanner(r.Body)
		for lines.Scan() {
			_, _ = io.WriteString(rw, lines.Text()+"!\n")
			_ = control.Flush()
		}
	})
	body, send := io.Pipe()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.base+"/v1/classes/echo", body)
	require.NoError(t, err)
	request.Header.Set("Authorization", "Bearer u1")
	go func() { _, _ = io.WriteString(send, "0\n") }()
	pool := &http.Transport{}
	defer pool.CloseIdleConnections()
	response, err := pool.RoundTrip(request)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	lines := bufio.NewReader(response.Body)
	for _, word := range []string{"0", "1", "2"} {
		line, err := lines.ReadString('\n')
		require.NoError(t, err)
		require.Equal(t, word+"!\n", line)
		next := map[string]string{"0": "1", "1": "2"}[word]
		if next != "" {
			_, err = io.WriteString(send, next+"\n")
			require.NoError(t, err)
		}
	}
	require.NoError(t, send.Close())
	rest, err := io.ReadAll(lines)
	require.NoError(t, err)
	require.Empty(t, rest)
}

// TestBlockedServiceDoesNotAffectOthers checks that other services are answered at once while
// 200 requests wait for one service.
func TestBlockedServiceDoesNotAffectOthers(t *testing.T) {
	t.Parallel()
	b := newBackend(t)
	hung := make(chan struct{}, 256)
	w := newServedEnvironment(t, func(_ http.ResponseWriter, r *http.Request) {
		hung <- struct{}{}
		<-r.Context().Done()
	}, func(w *environment, p *httpserver.GatewayParts) {
		silent := p.Classes
		withService(t, b.url)(w, p)
		p.Teacher = silent
	})
	w.platform.AddBatch("b1", domain.BatchReport{Owner: "u1", Overall: "ready"})
	ctx, cancel := context.WithCancel(t.Context())
	var waiting sync.WaitGroup
	for range 200 {
		waiting.Go(func() {
			request, _ := http.NewRequestWithContext(ctx, http.MethodGet, w.base+"/bff/v1/teacher/dashboard", http.NoBody)
			request.Header.Set("Authorization", "Bearer u1")
			pool := &http.Transport{DisableKeepAlives: true}
			if response, err := pool.RoundTrip(request); err == nil {
				_ = response.Body.Close()
			}
		})
	}
	for range 200 {
		<-hung
	}
	for range 20 {
		started := time.Now()
		require.Equal(t, 200, call(t, "GET", w.base+"/v1/classes", "", bearer).StatusCode)
		require.Equal(t, 200, call(t, "GET", w.base+"/v1/batches/b1/status", "", bearer).StatusCode)
		assert.Less(t, time.Since(started), 5*time.Second)
	}
	cancel()
	waiting.Wait()
}
