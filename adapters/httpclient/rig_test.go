package httpclient

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
)

// script is what a service on the other end of a pipe does with a connection:
// it is given each request, read to its end, and says the answer, raw. An empty
// answer hangs up.
type script func(r *http.Request) string

// rig is the way to of a scripted service, in memory, so that the clock
// of a synctest bubble runs.
type rig struct {
	*Forwarder
	mu     sync.Mutex
	script script
	// refuses is how many connections in a row are refused, -1: all.
	refuses int
	dials   int
	asked   []string
	states  []domain.CircuitState
	ends    sync.WaitGroup
}

func refusal() error {
	return &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
}

func guarded(t *testing.T, service string, change ...func(*Config)) *rig {
	t.Helper()
	c := Config{
		Timeout: 10 * time.Second, ConnectTimeout: time.Second,
		MaxConcurrency: 100, CircuitBreakerEnabled: true, FailureThreshold: 5, RecoveryTimeout: time.Minute, SuccessThreshold: 2,
	}
	for _, f := range change {
		f(&c)
	}
	r := &rig{}
	r.answers(200, "{}")
	r.Forwarder = NewForwarder(service, c, r)
	r.dialContext = func(context.Context, string, string) (net.Conn, error) { return r.dial() }
	t.Cleanup(func() {
		r.CloseIdleConnections()
		r.ends.Wait()
	})
	return r
}

// Observe remembers the circuit's states.
func (r *rig) Observe(f domain.Fact) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c, ok := f.(domain.CircuitChanged); ok {
		r.states = append(r.states, c.State)
	}
}

func (r *rig) dial() (net.Conn, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.dials++
	if r.refuses != 0 {
		r.refuses--
		return nil, refusal()
	}
	near, far := net.Pipe()
	r.ends.Go(func() { r.serve(far) })
	return near, nil
}

func (r *rig) serve(c net.Conn) {
	defer func() { _ = c.Close() }()
	in := bufio.NewReader(c)
	for {
		req, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		_, err = io.Copy(io.Discard, req.Body)
		if err != nil {
			return
		}
		r.mu.Lock()
		r.asked = append(r.asked, req.Method)
		script := r.script
		r.mu.Unlock()
		out := script(req)
		if out == "" {
			return
		}
		if req.Method == http.MethodHead {
			head, _, _ := strings.Cut(out, "\r\n\r\n")
			out = head + "\r\n\r\n"
		}
		if _, err := io.WriteString(c, out); err != nil {
			return
		}
	}
}

// does sets what the service does from now on.
func (r *rig) does(s script) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.script, r.refuses = s, 0
}

func (r *rig) answers(status int, body string) {
	r.does(func(*http.Request) string { return response(status, body) })
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

// refuse makes the next n connections fail; -1: all.
func (r *rig) refuse(n int) {
	r.CloseIdleConnections()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refuses = n
}

// seen is what arrived since the last look: connections tried and requests.
func (r *rig) seen() (dials int, asked []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	dials, asked = r.dials, slices.Clone(r.asked)
	r.dials, r.asked = 0, nil
	return dials, asked
}

func (r *rig) history() []domain.CircuitState {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.states)
}

// ask makes a whole call and returns its code and status.
func (r *rig) ask(ctx context.Context, t *testing.T, method string, body io.Reader) (status int, err error) {
	t.Helper()
	res, err := r.roundTrip(request(ctx, t, method, body), 10*time.Second)
	if err != nil {
		return 0, err
	}
	defer func() { _ = res.Body.Close() }()
	_, err = io.ReadAll(res.Body)
	return res.StatusCode, err
}

// whole makes a call and reads its answer, from any goroutine.
func (r *rig) whole(req *http.Request) error {
	res, err := r.roundTrip(req, 10*time.Second)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	_, err = io.ReadAll(res.Body)
	return err
}

// get is a GET that everybody may make.
func (r *rig) get(t *testing.T) (int, error) {
	t.Helper()
	return r.ask(t.Context(), t, http.MethodGet, nil)
}

func request(ctx context.Context, t *testing.T, method string, body io.Reader) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, method, "http://service/x", body)
	require.NoError(t, err)
	return req
}
