package httpserver_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/httpclient"
	"github.com/huleedu/edge/adapters/httpserver"
)

// over passes classes and the teachers' backend on to an address with the
// gateway's own client.
func over(tb testing.TB, address string, change func(*httpclient.Config)) func(*world, *httpserver.GatewayParts) {
	tb.Helper()
	c := httpclient.Config{
		Timeout: 30 * time.Second, ConnectTimeout: 5 * time.Second, StreamIdleTimeout: 30 * time.Second, ConnectionMaxAge: time.Minute,
		MaxConcurrency: 256, FailureThreshold: 1 << 20, RecoveryTimeout: time.Minute, SuccessThreshold: 2,
	}
	if change != nil {
		change(&c)
	}
	classes, teacher := httpclient.NewForwarder("class_management", c, &facts{}), httpclient.NewForwarder("bff_teacher", c, &facts{})
	tb.Cleanup(classes.CloseIdleConnections)
	tb.Cleanup(teacher.CloseIdleConnections)
	return func(_ *world, p *httpserver.GatewayParts) {
		p.Classes = httpserver.Upstream{URL: address, Transport: classes}
		p.Teacher = httpserver.Upstream{URL: address, Transport: teacher}
		p.Services = []string{address}
		p.StreamIdle = c.StreamIdleTimeout
	}
}

// scripted is a service on a socket: act is given each request's header and the
// connection, and returns false to close it.
func scripted(t *testing.T, act func(r *http.Request, conn net.Conn) bool) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer func() { _ = conn.Close() }()
				in := bufio.NewReader(conn)
				for {
					r, err := http.ReadRequest(in)
					if err != nil || !act(r, conn) {
						return
					}
				}
			})
		}
	})
	t.Cleanup(func() { _ = l.Close(); all.Wait() })
	return "http://" + l.Addr().String()
}

func tell(conn net.Conn, text string) { _, _ = io.WriteString(conn, text) }

// taken reads a request's body to its end.
func taken(r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }

const (
	fine = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
	post = "POST /v1/classes/a HTTP/1.1\r\nHost: h\r\n" + bearer + "\r\n"
)

// answers are the final answers in what a client read.
func answers(told string) int {
	return strings.Count(told, "HTTP/1.1 ") - strings.Count(told, " 100 Continue")
}

// requestState sends a request on a connection and reads its answer.
func requestState(t *testing.T, conn net.Conn, in *bufio.Reader, request string) (answer heard, body string) {
	t.Helper()
	require.NoError(t, conn.SetDeadline(time.Now().Add(20*time.Second)))
	_, err := io.WriteString(conn, request)
	require.NoError(t, err)
	res, err := http.ReadResponse(in, nil)
	require.NoError(t, err)
	text, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	return heard{res.StatusCode, res.Close}, string(text)
}
