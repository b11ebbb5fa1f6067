package httpserver_test

import (
	"bufio"
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/huleedu/edge/adapters/httpclient"
	"github.com/huleedu/edge/adapters/httpserver"
	"github.com/huleedu/edge/adapters/memory"
	"github.com/huleedu/edge/test/tcp"
)

// withForwarder makes the gateway forward to an address through its production client.
func withForwarder(tb testing.TB, address string, change func(*httpclient.Config)) change {
	tb.Helper()
	c := httpclient.Config{
		Timeout: 30 * time.Second, ConnectTimeout: 5 * time.Second, StreamIdleTimeout: 30 * time.Second, ConnectionMaxAge: time.Minute,
		MaxConcurrency: 256, FailureThreshold: 1 << 20, RecoveryTimeout: time.Minute, SuccessThreshold: 2,
	}
	if change != nil {
		change(&c)
	}
	classes, teacher := httpclient.NewForwarder("class_management", c, &memory.Facts{}, slog.New(slog.DiscardHandler)), httpclient.NewForwarder("bff_teacher", c, &memory.Facts{}, slog.New(slog.DiscardHandler))
	tb.Cleanup(classes.CloseIdleConnections)
	tb.Cleanup(teacher.CloseIdleConnections)
	return with(func(p *httpserver.GatewayParts) {
		p.Classes = httpserver.Upstream{URL: address, Transport: classes}
		p.Teacher = httpserver.Upstream{URL: address, Transport: teacher}
		p.Services = []string{address}
		p.StreamIdle = c.StreamIdleTimeout
	})
}

// newScriptedService starts a service on a socket. act gets each request and its connection,
// and returns false to close it.
func newScriptedService(t *testing.T, act func(r *http.Request, conn net.Conn) bool) string {
	t.Helper()
	return "http://" + tcp.Serve(t, func(conn net.Conn) {
		in := bufio.NewReader(conn)
		for {
			r, err := http.ReadRequest(in)
			if err != nil || !act(r, conn) {
				return
			}
		}
	})
}

func write(conn net.Conn, text string) { _, _ = io.WriteString(conn, text) }

// answerOK reads a request and answers 200.
func answerOK(r *http.Request, conn net.Conn) bool {
	discardBody(r)
	write(conn, okResponse)
	return true
}

// discardBody reads a request's body to its end.
func discardBody(r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }

const (
	okResponse  = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
	postClasses = "POST /v1/classes/a HTTP/1.1\r\nHost: h\r\n" + bearer + "\r\n"
)
