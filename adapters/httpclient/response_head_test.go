package httpclient

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// played is a connection on which somebody has already said everything.
type played struct {
	net.Conn
	said io.Reader
}

// Read returns what was said.
func (p played) Read(b []byte) (int, error) { return p.said.Read(b) }

// SetReadDeadline does nothing: a played answer never waits.
func (played) SetReadDeadline(time.Time) error { return nil }

// heardBy reads one answer as lines do, and returns what is left behind it.
func heardBy(raw []byte) (a serviceResponse, kept bool, rest []byte, err error) {
	l := newConn(played{said: bytes.NewReader(raw)})
	a, kept, err = l.readResponse(func(int) bool { return true })
	if err == nil {
		rest, err = io.ReadAll(l.reader)
	}
	return a, kept, rest, err
}

// readByOthers reads one answer as net/http does, interim ones skipped.
func readByOthers(t *testing.T, raw []byte) (a serviceResponse, ending bool, rest []byte) {
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
		rest, err = io.ReadAll(in)
		require.NoError(t, err)
		return serviceResponse{
			status: res.StatusCode, body: body,
			contentType: res.Header.Get("Content-Type"), retryAfter: res.Header.Get("Retry-After"),
		}, res.Close, rest
	}
}

// FuzzAnswer: what is taken for an answer here, net/http takes for the same
// answer, ending at the same byte; a line is kept only where net/http would keep
// its own.
func FuzzAnswer(f *testing.F) {
	for _, c := range answers() {
		f.Add([]byte(c.raw))
	}
	for _, raw := range refusedAnswers() {
		f.Add([]byte(raw))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		a, kept, rest, err := heardBy(raw)
		if err != nil {
			return
		}
		theirs, ending, left := readByOthers(t, raw)
		require.Equal(t, theirs.status, a.status)
		require.Equal(t, theirs.contentType, a.contentType)
		require.Equal(t, theirs.retryAfter, a.retryAfter)
		require.Equal(t, string(theirs.body), string(a.body))
		require.Equal(t, string(left), string(rest))
		require.False(t, kept && ending, "a line that ends is not kept")
	})
}

type spoken struct {
	raw, body, rest string
	status          int
	kept            bool
}

// answers are what services say, in all the ways of saying it.
func answers() []spoken {
	long := strings.Repeat("y", 9000)
	return []spoken{
		{raw: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", status: 200, body: "{}", kept: true},
		{raw: "HTTP/1.1 200\r\ncontent-length:2\r\n\r\n{}", status: 200, body: "{}", kept: true},
		{raw: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n{}rest", status: 200, body: "{}", rest: "rest", kept: true},
		{raw: "HTTP/1.1 200 OK\r\nSet-Cookie: " + long + "\r\nContent-Length: 2\r\n\r\n{}", status: 200, body: "{}", kept: true},
		{raw: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{\"\r\n3;x=y\r\n\":1\r\n0\r\n\r\nrest", status: 200, body: `{"":1`, rest: "rest", kept: true},
		{raw: "HTTP/1.1 200 OK\r\nTransfer-Encoding: CHUNKED\r\n\r\n2\r\n{}\r\n0\r\nX-Sum: 7\r\n\r\n", status: 200, body: "{}", kept: true},
		{raw: "HTTP/1.1 200 OK\r\nConnection: x, Close\r\nContent-Length: 2\r\n\r\n{}", status: 200, body: "{}"},
		{raw: "HTTP/1.1 200 OK\r\n\r\n{} to the end", status: 200, body: "{} to the end"},
		{raw: "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}", status: 200, body: "{}"},
		{raw: "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n", status: 201, kept: true},
		{raw: "HTTP/1.1 204 No Content\r\n\r\nrest", status: 204, rest: "rest", kept: true},
		{raw: "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", status: 304, kept: true},
		{raw: "HTTP/1.1 200 OK\r\nContent-Length: 70000\r\n\r\n" + strings.Repeat("z", 70000), status: 200, body: strings.Repeat("z", 70000), kept: true},
	}
}

func TestAnswersAreReadAsNetHTTPReadsThem(t *testing.T) {
	for _, c := range answers() {
		a, kept, rest, err := heardBy([]byte(c.raw))
		require.NoError(t, err, "%.80q", c.raw)
		theirs, _, left := readByOthers(t, []byte(c.raw))
		require.Equal(t, c.status, a.status, "%.80q", c.raw)
		require.Equal(t, c.body, string(a.body))
		require.Equal(t, c.rest, string(rest))
		require.Equal(t, c.kept, kept, "%.80q", c.raw)
		require.Equal(t, c.status, theirs.status, "the table is right")
		require.Equal(t, c.body, string(theirs.body))
		require.Equal(t, c.rest, string(left))
	}
}

// refusedAnswers could be read in two ways, or in none.
func refusedAnswers() []string {
	return []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{} ",
		"HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\n{}",
		"HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\n{}",
		"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: \r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 0x2\r\n\r\n{}",
		"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n{}",
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
		"HTTP/1.1 200 OK\r\nX: 1\r\n folded\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
		"HTTP/1.1 200 OK\r\nX: a\rb\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 200 OK\r\nX: a\x00b\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 200 OK\r\nX\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 200 OK\r\n: 1\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
		"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.2 200 OK\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 099 OK\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1  200 OK\r\nContent-Length: 0\r\n\r\n",
		"200 OK\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nX\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-2\r\n{}\r\n0\r\n\r\n",
		strings.Repeat("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n", 3000) + "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", maxDiscard) + "\r\nContent-Length: 0\r\n\r\n",
	}
}

func TestAnswersThatCouldBeReadInTwoWaysAreRefused(t *testing.T) {
	for _, raw := range refusedAnswers() {
		_, kept, _, err := heardBy([]byte(raw))
		require.Error(t, err, "%.80q", raw)
		require.True(t, responseStarted(err), "%.80q", raw)
		require.False(t, kept)
	}
}

func TestRequestsCannotBeSplit(t *testing.T) {
	for _, value := range []string{"a\r\nX-User-Id: bo", "a\n", "\r", "a\x00", "a\x7f"} {
		w := newRequestWriter(http.MethodGet, "/x", "service")
		w.addField("X-Correlation-Id", value)
		require.True(t, w.invalid, "%q", value)
	}
}
