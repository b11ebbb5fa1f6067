package transport

import (
	"bufio"
	"context"
	"crypto/x509"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/test/pause"
)

func TestConnectionsExpireAtDifferentTimes(t *testing.T) {
	p := New(&url.URL{Scheme: "http", Host: "service"}, Config{MaxAge: 5 * time.Minute})
	seen := map[time.Duration]bool{}
	for range 100 {
		age := p.lifetime()
		require.LessOrEqual(t, age, 5*time.Minute)
		require.GreaterOrEqual(t, age, 4*time.Minute+30*time.Second)
		seen[age] = true
	}
	require.Greater(t, len(seen), 50)
}

func TestIdleConnectionsAreDroppedAtMostOnceInTenSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &Pool{}
		near, far := net.Pipe()
		defer func() { _ = near.Close(); _ = far.Close() }()
		for _, step := range []struct {
			wait time.Duration
			left int
		}{{0, 0}, {9 * time.Second, 1}, {time.Second, 0}, {time.Second, 1}} {
			time.Sleep(step.wait)
			p.idle = []*conn{{Conn: near}}
			p.dropIdle()
			require.Len(t, p.idle, step.left)
		}
	})
}

// pipeService is a service on the other ends of in-memory connections.
type pipeService struct {
	respond func() string
	conns   sync.WaitGroup
}

func (s *pipeService) dial(context.Context, string, string) (net.Conn, error) {
	near, far := net.Pipe()
	s.conns.Go(func() {
		defer func() { _ = far.Close() }()
		in := bufio.NewReader(far)
		for {
			req, err := http.ReadRequest(in)
			if err != nil {
				return
			}
			if _, err := io.Copy(io.Discard, req.Body); err != nil {
				return
			}
			if _, err := io.WriteString(far, s.respond()); err != nil {
				return
			}
		}
	})
	return near, nil
}

// withIdle returns a pool with idle connections to a service that does not respond any more.
func withIdle(t *testing.T, idle int) *Pool {
	t.Helper()
	first := make(chan struct{})
	s := &pipeService{respond: func() string { <-first; return "HTTP/1.1 204 No Content\r\n\r\n" }}
	p := New(&url.URL{Scheme: "http", Host: "service"}, Config{MaxAge: time.Hour, Dial: s.dial})
	t.Cleanup(func() { p.Close(); s.conns.Wait() })
	outcomes := make(chan error, idle)
	for range idle {
		go func() { outcomes <- exchangeWith(t.Context(), p, http.NoBody) }()
	}
	synctest.Wait()
	close(first)
	for range idle {
		require.NoError(t, <-outcomes)
	}
	s.respond = func() string { pause.For(time.Minute, "simulated: the test runs in synctest"); return "" }
	return p
}

// exchangeWith sends a request with a body and reads the response.
func exchangeWith(ctx context.Context, p *Pool, body io.Reader) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://service/", body)
	if err != nil {
		return err
	}
	res, err := p.RoundTrip(req, Options{HeaderTimeout: 10 * time.Second, IdleTimeout: 10 * time.Second})
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	_, err = io.Copy(io.Discard, res.Body)
	return err
}

// failingBody is a request body that fails after some time.
type failingBody struct {
	wait   time.Duration
	closed chan struct{}
}

func (b failingBody) Read([]byte) (int, error) {
	select {
	case <-time.After(b.wait):
		return 0, io.ErrUnexpectedEOF
	case <-b.closed:
		return 0, io.ErrClosedPipe
	}
}

func (b failingBody) Close() error {
	select {
	case <-b.closed:
	default:
		close(b.closed)
	}
	return nil
}

// TestOnlyServiceFailuresDropIdleConnections: an exchange that fails on a reused connection
// because of the caller leaves the other idle connections alone.
func TestOnlyServiceFailuresDropIdleConnections(t *testing.T) {
	const idle = 4
	for name, c := range map[string]struct {
		body   func() io.Reader
		leave  time.Duration
		expire time.Duration
		kept   int
	}{
		"the service does not respond": {kept: 0},
		"the caller's deadline passes": {expire: time.Second, kept: 0},
		"the caller leaves":            {leave: time.Second, kept: idle - 1},
		"the request's body fails":     {body: func() io.Reader { return failingBody{time.Second, make(chan struct{})} }, kept: idle - 1},
		"the request's body stalls":    {body: func() io.Reader { return failingBody{time.Hour, make(chan struct{})} }, kept: idle - 1},
		"the deadline passes for a stalled body": {
			body: func() io.Reader { return failingBody{time.Hour, make(chan struct{})} }, expire: time.Second, kept: idle - 1,
		},
		"the deadline passes for a body in memory": {
			body: func() io.Reader { return strings.NewReader(strings.Repeat("x", 1<<20)) }, expire: time.Second, kept: 0,
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := withIdle(t, idle)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if c.leave > 0 {
					time.AfterFunc(c.leave, cancel)
				}
				if c.expire > 0 {
					ctx, cancel = context.WithTimeout(ctx, c.expire)
					defer cancel()
				}
				var body io.Reader = http.NoBody
				if c.body != nil {
					body = c.body()
				}
				require.Error(t, exchangeWith(ctx, p, body))
				require.Len(t, p.idle, c.kept)
			})
		})
	}
}

// TestFailuresAfterTheFirstByteDropNothing: they say nothing about the other connections.
func TestFailuresAfterTheFirstByteDropNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &pipeService{respond: func() string { return "HTTP/1.1 204 No Content\r\n\r\n" }}
		p := New(&url.URL{Scheme: "http", Host: "service"}, Config{Dial: s.dial})
		t.Cleanup(func() { p.Close(); s.conns.Wait() })
		near, far := net.Pipe()
		defer func() { _ = near.Close(); _ = far.Close() }()
		require.NoError(t, exchangeWith(t.Context(), p, http.NoBody))
		p.idle = append([]*conn{{Conn: near}}, p.idle...)
		s.respond = func() string { return "HELLO\r\n\r\n" }
		require.Error(t, exchangeWith(t.Context(), p, http.NoBody))
		require.Len(t, p.idle, 1)
	})
}

func TestConnectionsAreEncrypted(t *testing.T) {
	var mu sync.Mutex
	from := map[string]int{}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		from[r.RemoteAddr]++
		mu.Unlock()
		_, _ = io.WriteString(w, strings.Repeat("p", 30_000))
	}))
	s.EnableHTTP2 = true
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	base, err := url.Parse(s.URL)
	require.NoError(t, err)
	p := New(base, Config{ConnectTimeout: 5 * time.Second})
	t.Cleanup(p.Close)
	var unknown x509.UnknownAuthorityError
	require.ErrorAs(t, exchangeWith(t.Context(), p, http.NoBody), &unknown)

	p.tls.RootCAs = x509.NewCertPool()
	p.tls.RootCAs.AddCert(s.Certificate())
	for range 4 {
		require.NoError(t, exchangeWith(t.Context(), p, http.NoBody))
	}
	mu.Lock()
	defer mu.Unlock()
	require.Len(t, from, 1, "one connection for all: %v", from)
}
