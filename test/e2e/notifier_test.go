package e2e_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
)

func TestHandshakesThatAreNotUpgraded(t *testing.T) {
	t.Parallel()
	onEach(t, checkRefusedHandshakes)
}

func checkRefusedHandshakes(t *testing.T, b backing) {
	s := newEnvironment(t, b)
	node := s.node(t, s.vars)
	t.Run("foreign origin", func(t *testing.T) {
		conn, a := dial(t, node.ws(), headers{"Origin": "https://evil.example"}.withToken("teacher-x"))
		require.Nil(t, conn)
		require.Equal(t, "websocket_service", a.failure(t, 403, "AUTHORIZATION_ERROR").Service)
	})
	t.Run("known origin", func(t *testing.T) {
		connect(t, node.ws(), headers{"Origin": "http://localhost:5173"}.withToken("teacher-x"))
	})
	t.Run("no upgrade", func(t *testing.T) {
		for _, h := range []headers{nil, as("teacher-x"), {"Authorization": "Bearer x"}} {
			a := call(t, "GET", node.http("/ws"), "", h)
			a.failure(t, 426, "INVALID_REQUEST")
			require.Equal(t, "websocket", a.header.Get("Upgrade"))
		}
	})
}

func TestConnectionLimit(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, b backing) {
		s := newEnvironment(t, b)
		node := s.node(t, s.vars)
		teacher := "teacher-" + uuid.NewString()
		var sockets []*socket
		for range 5 {
			sockets = append(sockets, connect(t, node.ws(), as(teacher)))
		}
		code, raw := connect(t, node.ws(), as(teacher)).closed(t)
		require.Equal(t, 4000, code)
		require.Equal(t, `{"error_code":"QUOTA_EXCEEDED","message":"Connection limit exceeded"}`, raw)
		connect(t, node.ws(), as("another-"+teacher))

		require.NoError(t, s.platform.PublishDirect(t.Context(), domain.UserID(teacher), "still here", nil))
		for _, c := range sockets {
			require.Equal(t, "still here", c.next(t).Event)
		}
		require.NoError(t, sockets[0].WriteControl(websocket.CloseMessage,
			websocket.FormatCloseMessage(1000, ""), time.Now().Add(time.Second)))
		code, raw = sockets[0].closed(t)
		require.Equal(t, 1000, code)
		require.Empty(t, raw)
		require.Eventually(t, func() bool {
			c := connect(t, node.ws(), as(teacher))
			require.NoError(t, s.platform.PublishDirect(t.Context(), domain.UserID(teacher), "room again", nil))
			require.NoError(t, c.SetReadDeadline(time.Now().Add(waitLimit)))
			_, _, err := c.ReadMessage()
			return err == nil
		}, waitLimit, 20*time.Millisecond, "the lease is released")
	})
}

// TestNoMessageIsLostAfterTheUpgrade publishes as soon as the client has received the upgrade.
func TestNoMessageIsLostAfterTheUpgrade(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, b backing) {
		s := newEnvironment(t, b)
		node := s.node(t, s.vars)
		redis, run := s.redisClient(t), uuid.NewString()
		for range 200 {
			user := "teacher-" + uuid.NewString()
			c := connect(t, node.ws(), as(user))
			text := `{"event":"at once","data":{"run":"` + run + `","word":"å, 漢, 🎉"}}`
			require.NoError(t, redis.Publish(t.Context(), "ws:"+user, text).Err())
			require.Equal(t, text, c.text(t), "verbatim")
			require.NoError(t, c.Close())
		}
	})
}

func TestPingAndPong(t *testing.T) {
	t.Parallel()
	onEach(t, checkPings)
}

func checkPings(t *testing.T, b backing) {
	s := newEnvironment(t, b)
	node := s.node(t, s.settings(map[string]string{"WEBSOCKET_PING_INTERVAL": "0.2"}))
	c := connect(t, node.ws(), as("teacher-ping"))
	pinged, ponged := make(chan struct{}, 100), make(chan string, 1)
	answer := c.PingHandler()
	c.SetPingHandler(func(data string) error {
		pinged <- struct{}{}
		return answer(data)
	})
	c.SetPongHandler(func(data string) error {
		ponged <- data
		return nil
	})
	require.NoError(t, c.WriteMessage(websocket.TextMessage, []byte(`{"type":"ping"}`)))
	require.JSONEq(t, `{"type":"pong"}`, c.text(t))

	for _, odd := range []string{"", "no json", `{"type":7}`, `[]`, `{"type":"other"}`} {
		require.NoError(t, c.WriteMessage(websocket.TextMessage, []byte(odd)))
	}
	require.NoError(t, c.WriteMessage(websocket.BinaryMessage, []byte{0, 1, 2}))
	require.NoError(t, c.WriteControl(websocket.PingMessage, []byte("mine"), time.Now().Add(time.Second)))
	// The handlers run while the client reads, until the last text.
	go func() {
		<-pinged
		<-pinged
		_ = s.platform.PublishDirect(t.Context(), "teacher-ping", "the end", nil)
	}()
	require.Equal(t, "the end", c.next(t).Event, "no message ends the session")
	require.Equal(t, "mine", <-ponged)
}
