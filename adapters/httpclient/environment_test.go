package httpclient

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/httpclient/transport"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/pause"
)

// environment is a Forwarder and the service behind it, on in-memory connections, so that the
// clock of a synctest bubble runs.
type environment struct {
	*Forwarder
	mu      sync.Mutex
	respond func(*http.Request) string
	// refusals is how many dials in a row are refused; -1: all.
	refusals int
	dials    int
	requests []string
	states   []domain.CircuitState
	conns    sync.WaitGroup
}

func newEnvironment(t *testing.T, service string, change ...func(*Config)) *environment {
	t.Helper()
	c := Config{
		Timeout: 10 * time.Second, ConnectTimeout: time.Second,
		MaxConcurrency: 100, CircuitBreakerEnabled: true, FailureThreshold: 5, RecoveryTimeout: time.Minute, SuccessThreshold: 2,
	}
	for _, f := range change {
		f(&c)
	}
	e := &environment{}
	e.respondStatus(200, "{}")
	e.Forwarder = NewForwarder(service, c, e, slog.New(slog.DiscardHandler))
	e.renewPool()
	t.Cleanup(func() {
		e.CloseIdleConnections()
		e.conns.Wait()
	})
	return e
}

// renewPool closes the idle connections. New ones lead to the service.
func (e *environment) renewPool() {
	e.CloseIdleConnections()
	e.Forwarder.mu.Lock()
	defer e.Forwarder.mu.Unlock()
	c := e.config.transport()
	c.Dial = func(context.Context, string, string) (net.Conn, error) { return e.dial() }
	e.pools["http://service"] = transport.New(&url.URL{Scheme: "http", Host: "service"}, c)
}

// Observe records the states of the circuit.
func (e *environment) Observe(f domain.Fact) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if c, ok := f.(domain.CircuitChanged); ok {
		e.states = append(e.states, c.State)
	}
}

func (e *environment) dial() (net.Conn, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.dials++
	if e.refusals != 0 {
		e.refusals--
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
	}
	near, far := net.Pipe()
	e.conns.Go(func() { e.serve(far) })
	return near, nil
}

func (e *environment) serve(c net.Conn) {
	defer func() { _ = c.Close() }()
	in := bufio.NewReader(c)
	for {
		req, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		if _, err := io.Copy(io.Discard, req.Body); err != nil {
			return
		}
		e.mu.Lock()
		e.requests = append(e.requests, req.Method)
		respond := e.respond
		e.mu.Unlock()
		out := respond(req)
		if req.Method == http.MethodHead && out != "" {
			head, _, _ := strings.Cut(out, "\r\n\r\n")
			out = head + "\r\n\r\n"
		}
		if _, err := io.WriteString(c, out); err != nil || out == "" {
			return
		}
	}
}

// respondWith sets how the service responds from now on. It closes the connection instead of
// an empty response.
func (e *environment) respondWith(f func(*http.Request) string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.respond, e.refusals = f, 0
}

func (e *environment) respondStatus(status int, body string) {
	e.respondWith(func(*http.Request) string { return response(status, body) })
}

// respondWhen makes the service respond once a channel is closed.
func (e *environment) respondWhen(release <-chan struct{}) {
	e.respondWith(func(*http.Request) string { <-release; return response(200, "{}") })
}

func response(status int, body string) string {
	var out strings.Builder
	res := http.Response{
		StatusCode: status, ProtoMajor: 1, ProtoMinor: 1,
		ContentLength: int64(len(body)), Body: io.NopCloser(strings.NewReader(body)),
	}
	_ = res.Write(&out)
	return out.String()
}

// respondTooLate responds after every timeout.
func respondTooLate(*http.Request) string {
	pause.For(time.Minute, "simulated: the callers run in synctest")
	return response(200, "{}")
}

// refuseDials refuses the next n connections; -1: all.
func (e *environment) refuseDials(n int) {
	e.renewPool()
	e.mu.Lock()
	defer e.mu.Unlock()
	e.refusals = n
}

// traffic returns the dials and the methods of the requests since the last call.
func (e *environment) traffic() (dials int, requests []string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	dials, requests = e.dials, slices.Clone(e.requests)
	e.dials, e.requests = 0, nil
	return dials, requests
}

func (e *environment) circuitStates() []domain.CircuitState {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.states)
}

// call sends a request and reads the response.
func (e *environment) call(ctx context.Context, t *testing.T, method string, body io.Reader) (status int, err error) {
	t.Helper()
	return e.do(newRequest(ctx, t, method, body))
}

// do sends a request and reads the response, on any goroutine.
func (e *environment) do(req *http.Request) (status int, err error) {
	res, err := e.RoundTrip(req)
	if err != nil {
		return 0, err
	}
	defer func() { _ = res.Body.Close() }()
	_, err = io.ReadAll(res.Body)
	return res.StatusCode, err
}

// get sends a GET without a user and reads the response.
func (e *environment) get(t *testing.T) (int, error) {
	t.Helper()
	return e.call(t.Context(), t, http.MethodGet, nil)
}

// getConcurrently sends GETs at once and returns their errors when they end.
func (e *environment) getConcurrently(t *testing.T, n int) <-chan error {
	t.Helper()
	outcomes := make(chan error, n)
	for range n {
		req := newRequest(t.Context(), t, http.MethodGet, nil)
		go func() {
			_, err := e.do(req)
			outcomes <- err
		}()
	}
	return outcomes
}

func newRequest(ctx context.Context, t *testing.T, method string, body io.Reader) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, method, "http://service/x", body)
	require.NoError(t, err)
	return req
}
