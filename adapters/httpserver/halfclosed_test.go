package httpserver_test

import (
	"github.com/huleedu/edge/test/requests"

	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// halfClosed sends a request, waits for an event, then shuts the sending side,
// which is how a client that left looks, and returns what it can still read.
func halfClosed(t *testing.T, address, request string, wait <-chan struct{}) string {
	t.Helper()
	conn, ok := dial(t, address).(*net.TCPConn)
	require.True(t, ok)
	require.NoError(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
	_, err := io.WriteString(conn, request)
	require.NoError(t, err)
	if wait != nil {
		event(t, wait)
	}
	require.NoError(t, conn.CloseWrite())
	told, _ := io.ReadAll(conn) // a cut connection is an answer too
	return string(told)
}

// TestNobodyIsSent499: it is a note for the operator. Whoever only stopped
// sending reads nothing, rather than an answer that no contract knows.
func TestNobodyIsSent499(t *testing.T) {
	t.Parallel()
	asked := make(chan struct{}, 1)
	w := served(t, func(_ http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		<-r.Context().Done()
	})
	files := newFileService(t).behind(t, nil)
	for _, c := range []struct {
		world   *world
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

// TestAHalfClosedClientTakesNoPartForTheWhole: an answer that has begun is cut,
// not ended, when its client seems to have left.
func TestAHalfClosedClientTakesNoPartForTheWhole(t *testing.T) {
	t.Parallel()
	begun := make(chan struct{}, 1)
	w := served(t, func(rw http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(rw, "part")
		_ = http.NewResponseController(rw).Flush()
		begun <- struct{}{}
		<-r.Context().Done()
	})
	told := halfClosed(t, w.Addr(), "GET /v1/classes/begun HTTP/1.1\r\nHost: h\r\n"+bearer+"\r\n\r\n", begun)
	require.False(t, strings.HasSuffix(told, "0\r\n\r\n"), "it looks whole: %q", told)
	require.Eventually(t, func() bool { return len(w.facts.served()) == 1 }, tick*1000, tick)
	require.Equal(t, 499, w.facts.served()[0].Status)
}
