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

// host runs one function per connection, in turn; the last one stays.
func host(t *testing.T, turns ...func(http.ResponseWriter, *http.Request)) string {
	t.Helper()
	var n atomic.Int32
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		turn := min(int(n.Add(1)), len(turns)) - 1
		turns[turn](w, r)
	}))
	t.Cleanup(s.Close)
	return "ws" + strings.TrimPrefix(s.URL, "http") + "/ws"
}

// talk upgrades, sends the frames and ends with the close code, or stays when
// it is 0 until the client leaves.
func talk(code int, reason string, frames ...string) func(http.ResponseWriter, *http.Request) {
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

func answer(status int, body string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

// listen follows an address until stop frames have come.
func listen(t *testing.T, url string, stop int) (frames, notes []string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	s := console.Socket{
		URL: url, Token: "tok",
		Frame: func(f []byte) {
			frames = append(frames, string(f))
			if len(frames) == stop {
				cancel()
			}
		},
		Note: func(text string) { notes = append(notes, text) },
	}
	err = s.Listen(ctx)
	return frames, notes, err
}

func TestListenReconnectsAfterARestart(t *testing.T) {
	url := host(t, talk(1012, "", "one"), answer(http.StatusServiceUnavailable, `{}`), talk(0, "", "two"))
	frames, notes, err := listen(t, url, 2)
	require.NoError(t, err, "being told to stop is no error")
	require.Equal(t, []string{"one", "two"}, frames)
	require.Equal(t, "connected", notes[0])
	require.Contains(t, notes[1], "1012")
	require.Contains(t, notes[2], "refused with 503")
}

func TestListenGivesUpWhenThereIsNoPoint(t *testing.T) {
	reason := `{"error_code":"AUTHENTICATION_ERROR","message":"Token has expired","correlation_id":"c"}`
	_, _, err := listen(t, host(t, talk(1008, reason)), 1)
	require.EqualError(t, err, "Token has expired (AUTHENTICATION_ERROR, close 1008)\n  correlation id: c")

	_, _, err = listen(t, host(t, talk(1009, "too long")), 1)
	require.EqualError(t, err, "The service closed the connection: too long (close 1009)")

	_, _, err = listen(t, host(t, answer(http.StatusForbidden, `{"error":{"code":"AUTHORIZATION_ERROR","message":"Origin not allowed"}}`)), 1)
	require.EqualError(t, err, "Origin not allowed (AUTHORIZATION_ERROR, 403)")
}

func TestListenEndsWithItsContextWhileNobodyAnswers(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := console.Socket{URL: "ws://127.0.0.1:1/ws", Frame: func([]byte) {}, Note: func(string) { cancel() }}
	require.NoError(t, s.Listen(ctx))
}
