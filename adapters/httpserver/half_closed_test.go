package httpserver_test

import (
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/test/requests"
)

// halfClosed sends a request, waits for an event and closes the sending side, as a client that
// leaves. It returns what the server sends until it closes the connection.
func halfClosed(t *testing.T, address, request string, wait <-chan struct{}) string {
	t.Helper()
	conn, ok := dial(t, address).(*net.TCPConn)
	require.True(t, ok)
	require.NoError(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
	_, err := io.WriteString(conn, request)
	require.NoError(t, err)
	if wait != nil {
		await(t, wait)
	}
	require.NoError(t, conn.CloseWrite())
	answer, _ := io.ReadAll(conn) // a closed connection is a result too
	return string(answer)
}

// TestStatus499IsNeverSent checks that a client that closed its sending side gets no answer.
func TestStatus499IsNeverSent(t *testing.T) {
	t.Parallel()
	asked := make(chan struct{}, 1)
	w := newServedEnvironment(t, func(_ http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		<-r.Context().Done()
	})
	files := newFileService(t).environment(t, nil)
	for _, c := range []struct {
		world   *environment
		request string
		wait    <-chan struct{}
	}{
		{w, "GET /v1/classes/silent HTTP/1.1\r\nHost: h\r\n" + bearer + "\r\n\r\n", asked},
		{w, "POST /v1/batches/register HTTP/1.1\r\nHost: h\r\n" + bearer + "\r\nContent-Length: 9\r\n\r\n{}", nil},
		{files, "POST " + uploadPath + " HTTP/1.1\r\nHost: h\r\n" + bearer + "\r\n" + formType + "\r\nContent-Length: 999\r\n\r\n" + requests.GoodForm(), nil},
	} {
		before := len(c.world.facts.served())
		require.Empty(t, halfClosed(t, c.world.Addr(), c.request, c.wait), c.request)
		require.Eventually(t, func() bool { return len(c.world.facts.served()) > before }, tick*1000, tick)
		require.Equal(t, 499, c.world.facts.served()[before].Status)
	}
	require.Empty(t, w.facts.failed())
	require.Empty(t, files.facts.failed())
}

// TestBegunAnswerOfHalfClosedClientIsCut checks that an answer that has begun has no regular
// end.
func TestBegunAnswerOfHalfClosedClientIsCut(t *testing.T) {
	t.Parallel()
	begun := make(chan struct{}, 1)
	w := newServedEnvironment(t, func(rw http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(rw, "part")
		_ = http.NewResponseController(rw).Flush()
		begun <- struct{}{}
		<-r.Context().Done()
	})
	answer := halfClosed(t, w.Addr(), "GET /v1/classes/begun HTTP/1.1\r\nHost: h\r\n"+bearer+"\r\n\r\n", begun)
	require.False(t, strings.HasSuffix(answer, "0\r\n\r\n"), "it has a regular end: %q", answer)
	require.Eventually(t, func() bool { return len(w.facts.served()) == 1 }, tick*1000, tick)
	require.Equal(t, 499, w.facts.served()[0].Status)
}
