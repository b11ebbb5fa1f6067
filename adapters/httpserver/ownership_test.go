package httpserver_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/httpclient"
	"github.com/huleedu/edge/domain"
)

// TestFailingRequestsCutNoOthers: while the requests of one user fail in every
// way, another user's requests on other connections are all answered.
func TestFailingRequestsCutNoOthers(t *testing.T) {
	t.Parallel()
	healthy := scripted(t, func(r *http.Request, conn net.Conn) bool { taken(r); tell(conn, fine); return true })
	for name, c := range map[string]struct{ service, request string }{
		"dead service": {closedAddress(t), post + "Content-Length: 100\r\n\r\n" + strings.Repeat("x", 100)},
		"broken chunk": {healthy, post + "Transfer-Encoding: chunked\r\n\r\nzz\r\n"},
		"reset":        {speak(t, ""), post + "Content-Length: 100\r\n\r\n" + strings.Repeat("x", 100)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, over(t, c.service, nil))
			w.platform.AddBatch("b1", domain.BatchReport{Owner: "u2", Overall: "ready"})
			var lost, asked atomic.Int64
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			var all sync.WaitGroup
			for range 16 {
				all.Go(func() { repeat(ctx, w.Addr(), c.request, nil) })
				all.Go(func() {
					repeat(ctx, w.Addr(), "GET /v1/batches/b1/status HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer u2\r\n\r\n", func(status int) {
						asked.Add(1)
						if status != http.StatusOK {
							lost.Add(1)
						}
					})
				})
			}
			all.Wait()
			require.Zero(t, lost.Load(), "of %d", asked.Load())
		})
	}
}

// repeat sends a request again and again, on one connection while that lasts, and
// tells each answer's status, 0 for none.
func repeat(ctx context.Context, address, request string, told func(status int)) {
	var conn net.Conn
	var in *bufio.Reader
	for ctx.Err() == nil {
		if conn == nil {
			var err error
			if conn, err = (&net.Dialer{}).DialContext(context.WithoutCancel(ctx), "tcp", address); err != nil {
				continue
			}
			in = bufio.NewReader(conn)
		}
		_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
		status, last := once(conn, in, request)
		if told != nil {
			told(status)
		}
		if last {
			_ = conn.Close()
			conn = nil
		}
	}
	if conn != nil {
		_ = conn.Close()
	}
}

// once makes one exchange; last says that the connection carries no other.
func once(conn net.Conn, in *bufio.Reader, request string) (status int, last bool) {
	if _, err := io.WriteString(conn, request); err != nil {
		return 0, true
	}
	res, err := http.ReadResponse(in, nil)
	if err != nil {
		return 0, true
	}
	defer func() { _ = res.Body.Close() }()
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		return 0, true
	}
	return res.StatusCode, res.Close
}

// TestAFramingErrorEndsTheConnection: what stands behind a broken body is never
// executed as a request.
func TestAFramingErrorEndsTheConnection(t *testing.T) {
	t.Parallel()
	broken := map[string]string{
		"no size":          "zz\r\n",
		"bare line feed":   "4\nbody\r\n0\r\n\r\n",
		"garbage trailer":  "4\r\nbody\r\n0\r\nno colon\r\n\r\n",
		"garbage in chunk": "4\r\nbodybody\r\n0\r\n\r\n",
		"huge size":        "fffffffffffffffff\r\n",
		"negative":         "-4\r\nbody\r\n0\r\n\r\n",
	}
	for name, act := range map[string]func(r *http.Request, conn net.Conn) bool{
		"answers late":  func(r *http.Request, conn net.Conn) bool { taken(r); tell(conn, fine); return true },
		"answers early": func(_ *http.Request, conn net.Conn) bool { tell(conn, fine); return false },
		"streams early": func(r *http.Request, conn net.Conn) bool {
			tell(conn, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n")
			taken(r)
			return false
		},
	} {
		var executed atomic.Int64
		address := scripted(t, func(r *http.Request, conn net.Conn) bool {
			if r.URL.Path == "/v1/classes/smuggled" {
				executed.Add(1)
			}
			return act(r, conn)
		})
		w := newWorld(t, over(t, address, nil))
		for kind, body := range broken {
			for _, line := range []string{
				"POST /v1/classes/a", "PUT /v1/classes/a", "GET /v1/classes/a", "HEAD /v1/classes/a", "DELETE /bff/v1/teacher/a",
				"GET /healthz", "GET /v1/batches", "POST /v1/batches/register", "POST /nowhere", "POST /v1/files/batch",
			} {
				for _, token := range []string{bearer + "\r\n", ""} {
					told := raw(t, w.Addr(), line+" HTTP/1.1\r\nHost: h\r\n"+token+"Transfer-Encoding: chunked\r\n\r\n"+body+
						"GET /v1/classes/smuggled HTTP/1.1\r\nHost: h\r\n"+bearer+"\r\n\r\n")
					require.LessOrEqual(t, answers(told), 1, "%s: %s: %s %q", name, kind, line, told)
					require.Contains(t, told, "Connection: close\r\n", "%s: %s: %s", name, kind, line)
				}
			}
		}
		require.Zero(t, executed.Load(), name)
	}
}

// TestBodiesThatNeverCome: a request whose announced body does not come is
// answered, its connection is closed soon, and it does not hold up a stop.
func TestBodiesThatNeverCome(t *testing.T) {
	t.Parallel()
	address := scripted(t, func(_ *http.Request, conn net.Conn) bool { tell(conn, fine); return false })
	w := newWorld(t, over(t, address, nil))
	var all sync.WaitGroup
	for i, line := range []string{"GET /healthz", "GET /v1/classes/a", "DELETE /v1/classes/a", "GET /v1/batches", "HEAD /v1/classes/a", "GET /nowhere", "POST /v1/batches/b/pipelines"} {
		for _, framing := range []string{"Content-Length: 10\r\n", "Transfer-Encoding: chunked\r\n", "Content-Length: 1000000\r\n"} {
			if strings.Contains(line, "pipelines") && i > 0 {
				framing = "Expect: 100-continue\r\n" + framing + "Content-Type: text/plain\r\n"
			}
			conn := dial(t, w.Addr())
			all.Go(func() {
				_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
				began := time.Now()
				if _, err := io.WriteString(conn, line+" HTTP/1.1\r\nHost: h\r\n"+bearer+"\r\n"+framing+"\r\n"); err != nil {
					t.Error(err)
				}
				told, err := io.ReadAll(conn) // to the close
				if err != nil {
					t.Error(line, err)
				}
				assert.Equal(t, 1, answers(string(told)), "%s %q", line, told)
				assert.Contains(t, string(told), "Connection: close\r\n", line)
				assert.Less(t, time.Since(began), 10*time.Second, line)
			})
		}
	}
	all.Wait()
	var held []net.Conn
	for range 50 {
		conn := dial(t, w.Addr())
		_, err := io.WriteString(conn, "GET /v1/classes/a HTTP/1.1\r\nHost: h\r\n"+bearer+"\r\nContent-Length: 10\r\n\r\n")
		require.NoError(t, err)
		held = append(held, conn)
	}
	for _, conn := range held {
		_, err := conn.Read(make([]byte, 1))
		require.NoError(t, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	require.NoError(t, w.Shutdown(ctx), "connections that are drained do not hold up a stop")
}

// TestASmallRestKeepsTheConnection: a refused request costs the connection only
// when much of its body is left.
func TestASmallRestKeepsTheConnection(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	conn := dial(t, w.Addr())
	in := bufio.NewReader(conn)
	for _, request := range []string{
		"GET /healthz HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody",
		"POST /nowhere HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n",
		"POST /v1/batches/register HTTP/1.1\r\nHost: h\r\nContent-Length: 60000\r\n\r\n" + strings.Repeat("x", 60000),
		"DELETE /v1/classes/a HTTP/1.1\r\nHost: h\r\n" + bearer + "\r\nContent-Length: 4\r\n\r\nbody",
	} {
		res, _ := requestState(t, conn, in, request)
		require.False(t, res.last, request)
	}
	res, _ := requestState(t, conn, in, "POST /nowhere HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n"+strings.Repeat("x", 100000))
	require.True(t, res.last)
}

// TestASlowServiceIsATimeout: with a body too, and answer, log and metrics agree.
// The next request on the connection works.
func TestASlowServiceIsATimeout(t *testing.T) {
	t.Parallel()
	hang := make(chan struct{})
	defer close(hang)
	for name, act := range map[string]func(*http.Request, net.Conn) bool{
		"reads the body": func(r *http.Request, _ net.Conn) bool { taken(r); <-hang; return false },
		"reads nothing":  func(*http.Request, net.Conn) bool { <-hang; return false },
		"half a header": func(r *http.Request, conn net.Conn) bool {
			taken(r)
			tell(conn, "HTTP/1.1 200 OK\r\nContent-")
			<-hang
			return false
		},
		"no byte of a body": func(r *http.Request, conn net.Conn) bool {
			taken(r)
			tell(conn, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")
			<-hang
			return false
		},
	} {
		address := scripted(t, act)
		w := newWorld(t, over(t, address, func(c *httpclient.Config) {
			c.Timeout, c.StreamIdleTimeout = 300*time.Millisecond, 300*time.Millisecond
		}))
		n := 0
		for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE"} {
			for _, body := range []string{"", "Content-Length: 4\r\n\r\nbody", "Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n"} {
				if body == "" {
					body = "\r\n"
				}
				conn := dial(t, w.Addr())
				in := bufio.NewReader(conn)
				res, text := requestState(t, conn, in, method+" /v1/classes/a HTTP/1.1\r\nHost: h\r\n"+bearer+"\r\n"+body)
				require.Equal(t, 504, res.status, "%s %s %s", name, method, text)
				require.Contains(t, text, `"code":"TIMEOUT"`)
				require.False(t, res.last, name)
				res, _ = requestState(t, conn, in, "GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n")
				require.Equal(t, 200, res.status)
				n++
			}
		}
		require.Len(t, w.facts.failed(), n, name)
		for _, served := range w.facts.served() {
			require.NotEqual(t, 499, served.Status, name)
		}
	}
}

// TestASilentClientIsATimeout: one that does not send its body is told so.
func TestASilentClientIsATimeout(t *testing.T) {
	t.Parallel()
	address := scripted(t, func(r *http.Request, conn net.Conn) bool { taken(r); tell(conn, fine); return true })
	w := newWorld(t, over(t, address, func(c *httpclient.Config) { c.StreamIdleTimeout = 300 * time.Millisecond }))
	for _, framing := range []string{"Content-Length: 9\r\n\r\nbody", "Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n"} {
		told := raw(t, w.Addr(), post+framing)
		require.Contains(t, told, "HTTP/1.1 504 ", framing)
		require.Contains(t, told, `"code":"TIMEOUT"`)
		require.Contains(t, told, "Connection: close\r\n")
	}
	for _, served := range w.facts.served() {
		require.Equal(t, 504, served.Status)
	}
}

// TestEarlyAnswersArrive: a service that answers before it has read the body, and
// closes, is heard.
func TestEarlyAnswersArrive(t *testing.T) {
	t.Parallel()
	for _, status := range []int{400, 413} {
		refusal := fmt.Sprintf("HTTP/1.1 %d No\r\nContent-Length: 15\r\nConnection: close\r\n\r\n{\"detail\":\"no\"}", status)
		address := scripted(t, func(_ *http.Request, conn net.Conn) bool { tell(conn, refusal); return false })
		w := newWorld(t, over(t, address, nil))
		for range 30 {
			r := stubborn(t, dial(t, w.Addr()), "/v1/classes/a", bearer+"\r\n", strings.Repeat("x", 5<<20))
			require.Equal(t, status, r.status)
		}
		require.Empty(t, w.facts.failed())
	}
}
