package e2e_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
)

func handshakesThatAreNotUpgraded(t *testing.T, s *running) {
	node := s.nodes[0]
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

func connectionLimit(t *testing.T, s *running, via transport) {
	node := s.nodes[0]
	teacher := "teacher-" + uuid.NewString()
	var all []connection
	for range 5 {
		all = append(all, via.connect(t, node.Addr, teacher))
	}
	require.Equal(t, "QUOTA_EXCEEDED", via.refused(t, node.Addr, teacher))
	via.connect(t, node.Addr, "another-"+teacher)

	require.NoError(t, s.platform.PublishDirect(t.Context(), domain.UserID(teacher), "still here", nil))
	for _, c := range all {
		require.Equal(t, "still here", c.next(t).Event)
	}
	require.NoError(t, all[0].Close())
	require.Eventually(t, func() bool {
		c, err := via.tryConnect(t.Context(), node.Addr, teacher, "$")
		if err != nil {
			return false
		}
		t.Cleanup(func() { _ = c.Close() })
		_, err = c.read(waitLimit)
		return err == nil
	}, waitLimit, 20*time.Millisecond, "the lease is released")
}

// normalClosureIsEchoed checks that a client's close frame with 1000 is answered with the same code.
func normalClosureIsEchoed(t *testing.T, s *running) {
	c := connect(t, s.nodes[0].ws(), as("teacher-closing"))
	require.NoError(t, c.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(1000, ""), time.Now().Add(time.Second)))
	code, raw := c.closed(t)
	require.Equal(t, 1000, code)
	require.Empty(t, raw)
}

// noMessageIsLostAfterTheHandshake publishes as soon as the client has received the answer.
func noMessageIsLostAfterTheHandshake(t *testing.T, s *running, via transport) {
	node := s.nodes[0]
	redis, run := s.redisClient(t), uuid.NewString()
	for range 200 {
		user := "teacher-" + uuid.NewString()
		c := via.connect(t, node.Addr, user)
		text := `{"event":"at once","data":{"run":"` + run + `","word":"å, 漢, 🎉"}}`
		require.NoError(t, redis.Publish(t.Context(), "ws:"+user, text).Err())
		require.Equal(t, text, c.text(t), "verbatim")
		require.NoError(t, c.Close())
	}
}

// TestSlowConsumerIsClosed publishes to a client that reads nothing until its queue overflows. A connection of
// the same user by the other transport receives every message once.
func TestSlowConsumerIsClosed(t *testing.T) {
	t.Parallel()
	onTransports(t, onEach, func(t *testing.T, via transport, b backing) {
		s := newEnvironment(t, b)
		node := s.node(t, s.vars)
		user, redis := "teacher-"+uuid.NewString(), s.redisClient(t)
		via.connect(t, node.Addr, user) // reads nothing
		for _, other := range transports() {
			if other.name == via.name {
				continue
			}
			reads := other.connect(t, node.Addr, user)
			filler, closed := strings.Repeat("x", 100_000), `websocket_closes_total{code="4001",transport="`+via.name+`"} 1`
			for i := 0; !strings.Contains(string(call(t, "GET", node.http("/metrics"), "", nil).body), closed); i++ {
				require.Less(t, i, 1000, "never closed")
				text := fmt.Sprint(i, filler)
				require.NoError(t, redis.Publish(t.Context(), "ws:"+user, text).Err())
				require.Equal(t, text, reads.text(t))
			}
		}
	})
}

// TestOneUserOnBothTransports checks that a user with a socket in one tab and a stream in another receives each
// message once on each, in the same order, and that both count for the limit.
func TestOneUserOnBothTransports(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, b backing) {
		s := newEnvironment(t, b)
		node := s.node(t, s.settings(map[string]string{"WEBSOCKET_MAX_CONNECTIONS_PER_USER": "2"}))
		l := s.startPublisher(t, time.Millisecond)
		var tabs []*subscriber
		for _, via := range transports() {
			f := &subscriber{via: via, user: l.user, last: "0"}
			require.NoError(t, f.connect(node.Addr))
			tabs = append(tabs, f)
		}
		for _, via := range transports() {
			require.Equal(t, "QUOTA_EXCEEDED", via.refused(t, node.Addr, string(l.user)))
		}
		for i := range 3 {
			for _, f := range tabs {
				require.NoError(t, f.catchUp(100*(i+1), node.Addr))
			}
		}
		total := l.stop()
		for _, f := range tabs {
			require.NoError(t, f.catchUp(total, node.Addr))
			require.Equal(t, total, f.received)
			f.disconnect()
		}
	})
}

func TestPingAndPong(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, b backing) {
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
	})
}
