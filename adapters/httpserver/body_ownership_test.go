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

// TestFailingRequestsDoNotAffectOthers checks that a user gets all answers while the requests
// of another user fail.
func TestFailingRequestsDoNotAffectOthers(t *testing.T) {
	t.Parallel()
	healthy := newScriptedService(t, func(r *http.Request, conn net.Conn) bool { discardBody(r); write(conn, okResponse); return true })
	for name, c := range map[string]struct{ service, request string }{
		"dead service": {closedAddress(t), postClasses + "Content-Length: 100\r\n\r\n" + strings.Repeat("x", 100)},
		"broken chunk": {healthy, postClasses + "Transfer-Encoding: chunked\r\n\r\nzz\r\n"},
		"reset":        {newRawServer(t, ""), postClasses + "Content-Length: 100\r\n\r\n" + strings.Repeat("x", 100)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newEnvironment(t, withForwarder(t, c.service, nil))
			w.platform.AddBatch("b1", domain.BatchReport{Owner: "u2", Overall: "ready"})
			var lost, asked atomic.Int64
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			var all sync.WaitGroup
			for range 16 {
				all.Go(func() { sendRepeatedly(ctx, w.Addr(), c.request, nil) })
				all.Go(func() {
					sendRepeatedly(ctx, w.Addr(), "GET /v1/batches/b1/status HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer u2\r\n\r\n", func(status int) {
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

// sendRepeatedly sends a request until ctx ends, on one connection as long as it stays open,
// and reports the status of each answer, 0 without one.
func sendRepeatedly(ctx context.Context, address, request string, report func(status int)) {
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
		status, last := sendOnce(conn, in, request)
		if report != nil {
			report(status)
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

// sendOnce sends a request and reads its answer. last reports that the connection cannot be
// used again.
func sendOnce(conn net.Conn, in *bufio.Reader, request string) (status int, last bool) {
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

// TestFramingErrorClosesTheConnection checks that bytes after an invalid body are never
// executed as a request.
func TestFramingErrorClosesTheConnection(t *testing.T) {
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
		"answers late":  func(r *http.Request, conn net.Conn) bool { discardBody(r); write(conn, okResponse); return true },
		"answers early": func(_ *http.Request, conn net.Conn) bool { write(conn, okResponse); return false },
		"streams early": func(r *http.Request, conn net.Conn) bool {
			write(conn, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n")
			discardBody(r)
			return false
		},
	} {
		var executed atomic.Int64
		address := newScriptedService(t, func(r *http.Request, conn net.Conn) bool {
			if r.URL.Path == "/v1/classes/smuggled" {
				executed.Add(1)
			}
			return act(r, conn)
		})
		w := newEnvironment(t, withForwarder(t, address, nil))
		for kind, body := range broken {
			for _, line := range []string{
				"POST /v1/classes/a", "PUT /v1/classes/a", "GET /v1/classes/a", "HEAD /v1/classes/a", "DELETE /bff/v1/teacher/a",
				"GET /healthz", "GET /v1/batches", "POST /v1/batches/register", "POST /nowhere", "POST /v1/files/batch",
			} {
				for _, token := range []string{bearer + "\r\n", ""} {
					answer := sendRaw(t, w.Addr(), line+" HTTP/1.1\r\nHost: h\r\n"+token+"Transfer-Encoding: chunked\r\n\r\n"+body+
						"GET /v1/classes/smuggled HTTP/1.1\r\nHost: h\r\n"+bearer+"\r\n\r\n")
					require.LessOrEqual(t, countResponses(answer), 1, "%s: %s: %s %q", name, kind, line, answer)
					require.Contains(t, answer, "Connection: close\r\n", "%s: %s: %s", name, kind, line)
				}
			}
		}
		require.Zero(t, executed.Load(), name)
	}
}

// TestMissingBodiesAreAnsweredAndClosed checks that a request whose announced body does not
// arrive is answered, that its connection is closed soon, and that it does not delay a
// shutdown.
func TestMissingBodiesAreAnsweredAndClosed(t *testing.T) {
	t.Parallel()
	address := newScriptedService(t, func(_ *http.Request, conn net.Conn) bool { write(conn, okResponse); return false })
	w := newEnvironment(t, withForwarder(t, address, nil))
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
				answer, err := io.ReadAll(conn) // until the close
				if err != nil {
					t.Error(line, err)
				}
				assert.Equal(t, 1, countResponses(string(answer)), "%s %q", line, answer)
				assert.Contains(t, string(answer), "Connection: close\r\n", line)
				assert.Less(t, time.Since(began), 10*time.Second, line)
			})
		}
	}
	all.Wait()
	var blockedPublisher []net.Conn
	for range 50 {
		conn := dial(t, w.Addr())
		_, err := io.WriteString(conn, "GET /v1/classes/a HTTP/1.1\r\nHost: h\r\n"+bearer+"\r\nContent-Length: 10\r\n\r\n")
		require.NoError(t, err)
		blockedPublisher = append(blockedPublisher, conn)
	}
	for _, conn := range blockedPublisher {
		_, err := conn.Read(make([]byte, 1))
		require.NoError(t, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	require.NoError(t, w.Shutdown(ctx), "drained connections do not delay the shutdown")
}

// TestSmallUnreadBodyKeepsTheConnection checks that a refused request closes the connection
// only if much of its body is unread.
func TestSmallUnreadBodyKeepsTheConnection(t *testing.T) {
	t.Parallel()
	w := newEnvironment(t)
	conn := dial(t, w.Addr())
	in := bufio.NewReader(conn)
	for _, request := range []string{
		"GET /healthz HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody",
		"POST /nowhere HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n",
		"POST /v1/batches/register HTTP/1.1\r\nHost: h\r\nContent-Length: 60000\r\n\r\n" + strings.Repeat("x", 60000),
		"DELETE /v1/classes/a HTTP/1.1\r\nHost: h\r\n" + bearer + "\r\nContent-Length: 4\r\n\r\nbody",
	} {
		res, _ := roundTripBody(t, conn, in, request)
		require.False(t, res.closes, request)
	}
	res, _ := roundTripBody(t, conn, in, "POST /nowhere HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n"+strings.Repeat("x", 100000))
	require.True(t, res.closes)
}

// TestSlowServiceIsAnswered504 checks the answer, the log and the metrics with and without a
// body, and that the connection stays open.
func TestSlowServiceIsAnswered504(t *testing.T) {
	t.Parallel()
	hang := make(chan struct{})
	defer close(hang)
	for name, act := range map[string]func(*http.Request, net.Conn) bool{
		"reads the body": func(r *http.Request, _ net.Conn) bool { discardBody(r); <-hang; return false },
		"reads nothing":  func(*http.Request, net.Conn) bool { <-hang; return false },
		"half a header": func(r *http.Request, conn net.Conn) bool {
			discardBody(r)
			write(conn, "HTTP/1.1 200 OK\r\nContent-")
			<-hang
			return false
		},
		"no byte of a body": func(r *http.Request, conn net.Conn) bool {
			discardBody(r)
			write(conn, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")
			<-hang
			return false
		},
	} {
		address := newScriptedService(t, act)
		w := newEnvironment(t, withForwarder(t, address, func(c *httpclient.Config) {
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
				res, text := roundTripBody(t, conn, in, method+" /v1/classes/a HTTP/1.1\r\nHost: h\r\n"+bearer+"\r\n"+body)
				require.Equal(t, 504, res.status, "%s %s %s", name, method, text)
				require.Contains(t, text, `"code":"TIMEOUT"`)
				require.False(t, res.closes, name)
				res, _ = roundTripBody(t, conn, in, "GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n")
				require.Equal(t, 200, res.status)
				n++
			}
		}
		require.Len(t, w.facts.failed(), n, name)
		for _, newServedEnvironment := range w.facts.served() {
			require.NotEqual(t, 499, newServedEnvironment.Status, name)
		}
	}
}

// TestSilentClientIsAnswered504 checks the answer to a client that stops sending its body.
func TestSilentClientIsAnswered504(t *testing.T) {
	t.Parallel()
	address := newScriptedService(t, func(r *http.Request, conn net.Conn) bool { discardBody(r); write(conn, okResponse); return true })
	w := newEnvironment(t, withForwarder(t, address, func(c *httpclient.Config) { c.StreamIdleTimeout = 300 * time.Millisecond }))
	for _, framing := range []string{"Content-Length: 9\r\n\r\nbody", "Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n"} {
		answer := sendRaw(t, w.Addr(), postClasses+framing)
		require.Contains(t, answer, "HTTP/1.1 504 ", framing)
		require.Contains(t, answer, `"code":"TIMEOUT"`)
		require.Contains(t, answer, "Connection: close\r\n")
	}
	for _, newServedEnvironment := range w.facts.served() {
		require.Equal(t, 504, newServedEnvironment.Status)
	}
}

// TestEarlyAnswersReachTheClient checks that the client gets the answer of a service that
// answers before it has read the body, and closes.
func TestEarlyAnswersReachTheClient(t *testing.T) {
	t.Parallel()
	for _, status := range []int{400, 413} {
		refusal := fmt.Sprintf("HTTP/1.1 %d No\r\nContent-Length: 15\r\nConnection: close\r\n\r\n{\"detail\":\"no\"}", status)
		address := newScriptedService(t, func(_ *http.Request, conn net.Conn) bool { write(conn, refusal); return false })
		w := newEnvironment(t, withForwarder(t, address, nil))
		for range 30 {
			r := sendWholeBody(t, dial(t, w.Addr()), "/v1/classes/a", bearer+"\r\n", strings.Repeat("x", 5<<20))
			require.Equal(t, status, r.status)
		}
		require.Empty(t, w.facts.failed())
	}
}
