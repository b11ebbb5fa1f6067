package console_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/console"
)

// serveWebSocket runs the handlers in order, one per connection. The last handler serves
// all further connections.
func serveWebSocket(t *testing.T, handlers ...func(http.ResponseWriter, *http.Request)) string {
	t.Helper()
	var n atomic.Int32
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next := min(int(n.Add(1)), len(handlers)) - 1
		handlers[next](w, r)
	}))
	t.Cleanup(s.Close)
	return "ws" + strings.TrimPrefix(s.URL, "http") + "/ws"
}

// sendThenClose upgrades the connection, sends the frames and then the close code. When
// the code is 0 it keeps the connection open until the client closes it.
func sendThenClose(code int, reason string, frames ...string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, r *http.Request) {
		var up websocket.Upgrader
		c, err := up.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer func() { _ = c.Close() }()
		for _, f := range frames {
			_ = c.WriteMessage(websocket.TextMessage, []byte(f))
		}
		if code != 0 {
			_ = c.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, reason), time.Now().Add(time.Second))
		}
		for {
			if _, _, err := c.ReadMessage(); err != nil {
				return
			}
		}
	}
}

func respond(status int, body string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

// listen receives from the URL until it has got stop frames.
func listen(t *testing.T, url string, stop int) (frames, notes []string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	s := console.NotificationClient{
		URL: url, Token: "tok",
		OnFrame: func(f []byte) {
			frames = append(frames, string(f))
			if len(frames) == stop {
				cancel()
			}
		},
		OnStatus: func(text string) { notes = append(notes, text) },
	}
	err = s.Listen(ctx)
	return frames, notes, err
}

func TestListenReconnectsAfterARestart(t *testing.T) {
	url := serveWebSocket(t, sendThenClose(1012, "", "one"), respond(http.StatusServiceUnavailable, `{}`), sendThenClose(0, "", "two"))
	frames, notes, err := listen(t, url, 2)
	require.NoError(t, err, "a cancelled context is not an error")
	require.Equal(t, []string{"one", "two"}, frames)
	require.Equal(t, "connected", notes[0])
	require.Contains(t, notes[1], "1012")
	require.Contains(t, notes[2], "refused with 503")
}

func TestListenReturnsPermanentErrors(t *testing.T) {
	reason := `{"error_code":"AUTHENTICATION_ERROR","message":"Token has expired","correlation_id":"c"}`
	_, _, err := listen(t, serveWebSocket(t, sendThenClose(1008, reason)), 1)
	require.EqualError(t, err, "Token has expired (AUTHENTICATION_ERROR, close 1008)\n  correlation id: c")

	_, _, err = listen(t, serveWebSocket(t, sendThenClose(1009, "too long")), 1)
	require.EqualError(t, err, "The service closed the connection: too long (close 1009)")

	_, _, err = listen(t, serveWebSocket(t, respond(http.StatusForbidden, `{"error":{"code":"AUTHORIZATION_ERROR","message":"Origin not allowed"}}`)), 1)
	require.EqualError(t, err, "Origin not allowed (AUTHORIZATION_ERROR, 403)")
}

func TestListenStopsWhileReconnecting(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := console.NotificationClient{URL: "ws://127.0.0.1:1/ws", OnFrame: func([]byte) {}, OnStatus: func(string) { cancel() }}
	require.NoError(t, s.Listen(ctx))
}

// TestListenReconnectsAfterSilence covers a connection that a network has dropped without a sign:
// the service sends a ping every 30 s, so that a silent one is dead.
func TestListenReconnectsAfterSilence(t *testing.T) {
	url := serveWebSocket(t, sendThenClose(0, ""), sendThenClose(0, "", "two"))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var frames []string
	s := console.NotificationClient{
		URL: url, SilenceLimit: 50 * time.Millisecond,
		OnFrame:  func(f []byte) { frames = append(frames, string(f)); cancel() },
		OnStatus: func(string) {},
	}
	require.NoError(t, s.Listen(ctx))
	require.Equal(t, []string{"two"}, frames)
}

// TestListenBacksOffAfterRefusals checks that a service that refuses each connection after its
// handshake is asked less and less often.
func TestListenBacksOffAfterRefusals(t *testing.T) {
	url := serveWebSocket(t, sendThenClose(1011, ""))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var pauses []time.Duration
	s := console.NotificationClient{URL: url, OnFrame: func([]byte) {}, OnStatus: func(text string) {
		if _, pause, found := strings.Cut(text, "reconnecting in "); found {
			d, err := time.ParseDuration(pause)
			require.NoError(t, err)
			if pauses = append(pauses, d); len(pauses) == 3 {
				cancel()
			}
		}
	}}
	require.NoError(t, s.Listen(ctx))
	require.GreaterOrEqual(t, pauses[1], 500*time.Millisecond)
	require.GreaterOrEqual(t, pauses[2], time.Second)
}
