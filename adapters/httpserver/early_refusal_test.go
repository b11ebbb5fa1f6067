package httpserver_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/httpclient"
	"github.com/huleedu/edge/adapters/httpserver"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/requests"
)

// TestClientsThatKeepSendingReadTheRefusal checks that a client that sends all of its body first
// reads the answer to it, whether or not the connection stays open. Without this, the server
// resets the connection and the answer is lost.
func TestClientsThatKeepSendingReadTheRefusal(t *testing.T) {
	t.Parallel()
	s := newFileService(t)
	services := withForwarder(t, newScriptedService(t, answerOK), nil)
	w := newEnvironment(t, services, with(func(p *httpserver.GatewayParts) {
		p.Files = httpserver.Upstream{URL: s.url, Transport: s.forwarder}
		p.Config.Uploads.MaxBytes = 1 << 20
	}))
	const last, json, token, form = "Connection: close\r\n", "Content-Type: application/json\r\n", bearer + "\r\n", formType + "\r\n"
	large := strings.Repeat(" ", 12<<20)
	chunked := strings.Repeat("100000\r\n"+large[:1<<20]+"\r\n", 24) + "0\r\n\r\n"
	for name, c := range map[string]struct {
		path, headers, body string
		status              int
	}{
		"no token":                 {"/v1/batches/register", last + json, large, 401},
		"too large":                {"/v1/batches/register", last + json + token, large, 413},
		"no JSON":                  {"/v1/batches/register", last + "Content-Type: text/plain\r\n" + token, large, 415},
		"forwarded, no token":      {"/v1/classes/", last, large, 401},
		"forwarded":                {"/v1/classes/", last + token, large, 413},
		"forwarded, kept":          {"/v1/classes/", token, large, 413},
		"forwarded, in chunks":     {"/v1/classes/", last + token, chunked, 413},
		"forwarded, kept, chunks":  {"/v1/classes/", token, chunked, 413},
		"no route":                 {"/v2", last, large, 404},
		"upload, no token":         {uploadPath, form, large, 401},
		"upload, too large":        {uploadPath, token + form, large, 413},
		"upload, no form":          {uploadPath, token, large, 413},
		"upload, invalid boundary": {uploadPath, token + "Content-Type: multipart/form-data\r\n", large[:1<<20], 400},
		"upload, invalid part":     {uploadPath, token + form, "--B\r\nnonsense\r\n\r\n" + large[:1_000_000], 400},
	} {
		request := posted(c.path, c.headers, c.body)
		if strings.HasSuffix(name, "chunks") {
			request = strings.Replace(request, "Content-Length: "+strconv.Itoa(len(c.body)), "Transfer-Encoding: chunked", 1)
		}
		r := dial(t, w.Addr(), request).read()
		assert.Equal(t, c.status, r.StatusCode, name)
		assert.True(t, r.Close || strings.Contains(name, "chunks"), "%s: the rest of the body is not needed", name)
	}
	conn := dial(t, w.Addr(), "")
	for range 3 {
		r := conn.exchange(posted("/v1/batches/register", json, "{}"))
		require.Equal(t, 401, r.StatusCode)
		require.False(t, r.Close, "a small body keeps the connection")
		r = conn.exchange(posted(uploadPath, token+form, requests.GoodForm()))
		require.Equal(t, 202, r.StatusCode)
		require.False(t, r.Close, "a complete body keeps the connection")
	}
}

// TestSmallUnreadBodyKeepsTheConnection checks that a refused request closes the connection
// only if much of its body is unread.
func TestSmallUnreadBodyKeepsTheConnection(t *testing.T) {
	t.Parallel()
	conn := dial(t, newEnvironment(t).Addr(), "")
	for request, closes := range map[string]bool{
		"GET /healthz HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody":                             false,
		"POST /nowhere HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n": false,
		posted("/v1/batches/register", "", strings.Repeat("x", 60_000)):                                 false,
		"DELETE /v1/classes/a HTTP/1.1\r\nHost: h\r\n" + bearer + "\r\nContent-Length: 4\r\n\r\nbody":   false,
	} {
		require.Equal(t, closes, conn.exchange(request).Close, request)
	}
	require.True(t, conn.exchange(posted("/nowhere", "", strings.Repeat("x", 100_000))).Close)
}

// TestUnreadBytesAreBounded checks how much of a refused body the server reads.
func TestUnreadBytesAreBounded(t *testing.T) {
	t.Parallel()
	conn := dial(t, newEnvironment(t).Addr(), "POST "+uploadPath+" HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000000\r\n\r\n")
	sent, err := io.Copy(conn, io.LimitReader(endlessReader{}, 1_000_000_000))
	require.Error(t, err)
	require.Greater(t, sent, int64(16<<20))
	require.Less(t, sent, int64(64<<20))
}

type endlessReader struct{}

func (endlessReader) Read(p []byte) (int, error) { return len(p), nil }

// TestMissingBodiesDoNotDelayTheShutdown sends requests whose announced body never arrives. They
// are answered before the server waits for it.
func TestMissingBodiesDoNotDelayTheShutdown(t *testing.T) {
	t.Parallel()
	address := newScriptedService(t, func(_ *http.Request, conn net.Conn) bool { write(conn, okResponse); return false })
	w := newEnvironment(t, withForwarder(t, address, nil))
	for range 50 {
		r := dial(t, w.Addr(), "GET /v1/classes/a HTTP/1.1\r\nHost: h\r\n"+bearer+"\r\nContent-Length: 10\r\n\r\n").read()
		require.Equal(t, 200, r.StatusCode)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	require.NoError(t, w.Shutdown(ctx))
}

// TestSlowServiceIsAnswered504 checks that a service that sends no byte of its answer's body is
// answered 504 on a connection that stays open.
func TestSlowServiceIsAnswered504(t *testing.T) {
	t.Parallel()
	hang := make(chan struct{})
	defer close(hang)
	address := newScriptedService(t, func(r *http.Request, conn net.Conn) bool {
		discardBody(r)
		write(conn, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")
		<-hang
		return false
	})
	w := newEnvironment(t, withForwarder(t, address, func(c *httpclient.Config) {
		c.Timeout, c.StreamIdleTimeout = 300*time.Millisecond, 300*time.Millisecond
	}))
	for i, body := range []string{"\r\n", "Content-Length: 4\r\n\r\nbody", "Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n"} {
		conn := dial(t, w.Addr(), postClasses+body)
		r := conn.read()
		requireError(t, r, 504, domain.Timeout)
		require.False(t, r.Close)
		require.Equal(t, 200, conn.exchange("GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n").StatusCode)
		require.Len(t, w.failed(), i+1)
	}
}

// TestRefusedRequestsGetNo100Continue checks that a client that waits for 100 Continue gets the
// refusal without sending its body, and otherwise 100 Continue.
func TestRefusedRequestsGetNo100Continue(t *testing.T) {
	t.Parallel()
	w := newFileService(t).environment(t, nil)
	for head, want := range map[string]string{
		"/v1/batches/b1/pipelines HTTP/1.1\r\nContent-Length: 10\r\n":                "HTTP/1.1 401 ",
		uploadPath + " HTTP/1.1\r\nContent-Length: 1000000000\r\n":                   "HTTP/1.1 401 ",
		uploadPath + " HTTP/1.1\r\nContent-Length: 1000000000\r\n" + bearer + "\r\n": "HTTP/1.1 413 ",
	} {
		answer := sendRaw(t, w.Addr(), "POST "+head+"Host: h\r\nExpect: 100-continue\r\n\r\n")
		require.True(t, strings.HasPrefix(answer, want), answer)
	}
	form := requests.GoodForm()
	request := posted(uploadPath, "Expect: 100-continue\r\n"+bearer+"\r\n"+formType+"\r\n", form)
	conn := dial(t, w.Addr(), strings.TrimSuffix(request, form))
	line, err := conn.in.ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "HTTP/1.1 100 Continue\r\n", line)
	conn.send(form)
	_, err = conn.in.ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, 202, conn.read().StatusCode)
}
