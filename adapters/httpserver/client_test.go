package httpserver_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// reply is an answer whose body was read.
type reply struct {
	*http.Response
	body string
}

// call sends a request on a new connection. headers are "Name: value".
func call(t *testing.T, method, url, body string, headers ...string) reply {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	require.NoError(t, err)
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		request.Header.Add(name, value)
	}
	response := send(t, request)
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	return reply{response, string(text)}
}

// send sends a request on a new connection and returns its answer, whose body is closed when
// the test ends. It follows no redirect.
func send(t *testing.T, request *http.Request) *http.Response {
	t.Helper()
	response, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(request)
	require.NoError(t, err)
	t.Cleanup(func() { _ = response.Body.Close() })
	return response
}

// rawClient is a connection on which a test writes bytes.
type rawClient struct {
	*net.TCPConn
	t  testing.TB
	in *bufio.Reader
}

// dial opens a connection and sends a text. The end of the test closes the connection.
func dial(t testing.TB, address, text string) *rawClient {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(20*time.Second)))
	c := &rawClient{conn.(*net.TCPConn), t, bufio.NewReader(conn)}
	c.send(text)
	return c
}

// send writes a text.
func (c *rawClient) send(text string) {
	c.t.Helper()
	_, err := io.WriteString(c, text)
	require.NoError(c.t, err)
}

// read reads the next answer with its body.
func (c *rawClient) read() reply {
	c.t.Helper()
	response, err := http.ReadResponse(c.in, nil)
	require.NoError(c.t, err)
	text, err := io.ReadAll(response.Body)
	require.NoError(c.t, err)
	require.NoError(c.t, response.Body.Close())
	return reply{response, string(text)}
}

// exchange sends a request and reads its answer.
func (c *rawClient) exchange(request string) reply {
	c.t.Helper()
	c.send(request)
	return c.read()
}

// rest returns everything that the server sends until it closes the connection.
func (c *rawClient) rest() string {
	text, _ := io.ReadAll(c.in) // a reset connection is a result too
	return string(text)
}

// sendRaw sends bytes and returns everything that the server sends until it closes the
// connection.
func sendRaw(t testing.TB, address, request string) string {
	t.Helper()
	c := dial(t, address, request)
	defer func() { _ = c.Close() }()
	return c.rest()
}

// posted is a POST request that sends all of its body before it reads the answer, as browsers
// do.
func posted(path, headers, body string) string {
	return "POST " + path + " HTTP/1.1\r\nHost: h\r\n" + headers + "Content-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n" + body
}
