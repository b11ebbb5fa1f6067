package transport

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// recordedConn is a connection on which the whole response is received already.
type recordedConn struct {
	net.Conn
	received io.Reader
}

func (c recordedConn) Read(p []byte) (int, error) { return c.received.Read(p) }
func (recordedConn) Write(p []byte) (int, error)  { return len(p), nil }
func (recordedConn) SetDeadline(time.Time) error  { return nil }
func (recordedConn) Close() error                 { return nil }

// received is what an exchange makes of a recorded response.
type received struct {
	status int
	body   string
	// rest are the bytes behind the response.
	rest string
	kept bool
}

// receive makes an exchange on a recorded response.
func receive(t *testing.T, raw []byte) (received, error) {
	t.Helper()
	var used *conn
	pool := New(&url.URL{Scheme: "http", Host: "service"}, Config{Dial: func(context.Context, string, string) (net.Conn, error) {
		return recordedConn{received: bytes.NewReader(raw)}, nil
	}})
	defer pool.Close()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://service/", http.NoBody)
	require.NoError(t, err)
	res, err := pool.RoundTrip(req, Options{})
	if err != nil {
		return received{}, err
	}
	defer func() { _ = res.Body.Close() }()
	if e, ok := res.Body.(*exchange); ok {
		used = e.conn
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return received{}, err
	}
	rest, err := io.ReadAll(used.reader)
	return received{res.StatusCode, string(body), string(rest), len(pool.idle) == 1}, err
}

// receiveWithNetHTTP reads the response with net/http alone.
func receiveWithNetHTTP(t *testing.T, raw []byte) (out received, closeAfter bool) {
	t.Helper()
	in := bufio.NewReader(bytes.NewReader(raw))
	for {
		res, err := http.ReadResponse(in, &http.Request{Method: http.MethodGet})
		require.NoError(t, err)
		body, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		if res.StatusCode < http.StatusOK {
			continue
		}
		rest, err := io.ReadAll(in)
		require.NoError(t, err)
		return received{status: res.StatusCode, body: string(body), rest: string(rest)}, res.Close
	}
}

// FuzzResponse compares with net/http: an accepted response has the same status and body and
// ends at the same byte. The connection is not kept if the service closes it.
func FuzzResponse(f *testing.F) {
	for _, c := range acceptedResponses() {
		f.Add([]byte(c.raw))
	}
	for _, raw := range refusedResponses() {
		f.Add([]byte(raw))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		got, err := receive(t, raw)
		if err != nil {
			return
		}
		want, closeAfter := receiveWithNetHTTP(t, raw)
		require.False(t, got.kept && closeAfter)
		got.kept = false
		require.Equal(t, want, got)
	})
}

type acceptedResponse struct {
	raw, body, rest string
	status          int
	kept            bool
}

// acceptedResponses returns well-formed responses in different framings.
func acceptedResponses() []acceptedResponse {
	long := strings.Repeat("y", 9000)
	return []acceptedResponse{
		{raw: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", status: 200, body: "{}", kept: true},
		{raw: "HTTP/1.1 200\r\ncontent-length:2\r\n\r\n{}", status: 200, body: "{}", kept: true},
		{raw: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n{}rest", status: 200, body: "{}", rest: "rest"},
		{raw: "HTTP/1.1 200 OK\r\nSet-Cookie: " + long + "\r\nContent-Length: 2\r\n\r\n{}", status: 200, body: "{}", kept: true},
		{raw: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{\"\r\n3;x=y\r\n\":1\r\n0\r\n\r\nrest", status: 200, body: `{"":1`, rest: "rest"},
		{raw: "HTTP/1.1 200 OK\r\nTransfer-Encoding: CHUNKED\r\n\r\n2\r\n{}\r\n0\r\nX-Sum: 7\r\n\r\n", status: 200, body: "{}", kept: true},
		{raw: "HTTP/1.1 200 OK\r\nConnection: x, Close\r\nContent-Length: 2\r\n\r\n{}", status: 200, body: "{}"},
		{raw: "HTTP/1.1 200 OK\r\n\r\n{} to the end", status: 200, body: "{} to the end"},
		{raw: "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}", status: 200, body: "{}"},
		{raw: "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n", status: 201, kept: true},
		{raw: "HTTP/1.1 204 No Content\r\n\r\nrest", status: 204, rest: "rest"},
		{raw: "HTTP/1.1 204 No Content\r\n\r\n", status: 204, kept: true},
		{raw: "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", status: 304, kept: true},
		{raw: "HTTP/1.1 200 OK\r\nContent-Length: 70000\r\n\r\n" + strings.Repeat("z", 70000), status: 200, body: strings.Repeat("z", 70000), kept: true},
		// net/http reads these in one way; the services must not send them.
		{raw: "HTTP/1.1 200 OK\nContent-Length: 2\n\n{}", status: 200, body: "{}", kept: true},
		{raw: "HTTP/1.1 200 OK\r\nX: 1\r\n folded\r\nContent-Length: 2\r\n\r\n{}", status: 200, body: "{}", kept: true},
		{raw: "HTTP/1.2  200 OK\r\nContent-Length: 2\r\n\r\n{}", status: 200, body: "{}", kept: true},
		{raw: "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", status: 200, body: "2\r\n{}\r\n0\r\n\r\n"},
		{raw: "HTTP/1.1 200 OK\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n", status: 200, body: "0\r\n\r\n"},
	}
}

func TestWellFormedResponsesAreReadToTheirEnd(t *testing.T) {
	for _, c := range acceptedResponses() {
		got, err := receive(t, []byte(c.raw))
		require.NoError(t, err, "%.80q", c.raw)
		require.Equal(t, received{c.status, c.body, c.rest, c.kept}, got, "%.80q", c.raw)
	}
}

// refusedResponses returns responses that are not well-formed, or whose end two readers could
// see at different bytes.
func refusedResponses() []string {
	return []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{} ",
		"HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\n{}",
		"HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\n{}",
		"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: \r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 0x2\r\n\r\n{}",
		"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n{}",
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
		"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\ncontent-LENGTH: 2\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"HTTP/1.1 200 OK\r\nX: a\rb\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 200 OK\r\nX: a\x00b\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 200 OK\r\nX\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 200 OK\r\n: 1\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
		"HTTP/1.1 099 OK\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n",
		"200 OK\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nX\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-2\r\n{}\r\n0\r\n\r\n",
		strings.Repeat("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n", 3000) + "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", maxHead) + "\r\nContent-Length: 0\r\n\r\n",
	}
}

func TestMalformedResponsesAreRefused(t *testing.T) {
	for _, raw := range refusedResponses() {
		got, err := receive(t, []byte(raw))
		require.Error(t, err, "%.80q: %+v", raw, got)
		var failure *Failure
		require.ErrorAs(t, err, &failure)
		require.True(t, failure.Started, "%.80q", raw)
	}
}
