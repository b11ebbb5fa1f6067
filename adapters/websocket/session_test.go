package websocket_test

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"

	gorilla "github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/websocket"
	"github.com/huleedu/edge/domain"
)

func TestPingAndIgnoredFrames(t *testing.T) {
	n := newNode(t, settings())
	c := n.mustDial(t, "u1")
	for _, text := range []string{"hello", `{"type":"pong"}`, `{"type":5}`, `{"type":"refreshed","token":"x"}`, `[]`, ""} {
		require.NoError(t, c.WriteMessage(gorilla.TextMessage, []byte(text)))
	}
	require.NoError(t, c.WriteMessage(gorilla.BinaryMessage, []byte{0xff}))
	require.NoError(t, c.WriteMessage(gorilla.TextMessage, []byte(`{"type":"ping"}`)))
	text, err := c.Next()
	require.NoError(t, err)
	require.Equal(t, `{"type":"pong"}`, string(text))
	require.Equal(t, 7, n.facts.count(equals(domain.FrameReceived{Type: domain.FrameIgnored})))
	require.Equal(t, 1, n.facts.count(equals(domain.FrameReceived{Type: domain.FramePing})))
	require.Zero(t, n.facts.count(is[domain.MessageSent]), "an answer is not a notification")
}

func TestCloseIsEchoed(t *testing.T) {
	n := newNode(t, settings())
	n.deps.slow = 20 * time.Millisecond
	for _, code := range []int{1000, 1001, 3000} {
		c := n.mustDial(t, "u1")
		require.NoError(t, c.WriteControl(gorilla.CloseMessage, gorilla.FormatCloseMessage(code, "bye"), time.Now().Add(time.Second)))
		end := c.end(t)
		require.Equal(t, code, end.Code)
		require.Empty(t, end.Text)
		leases, _ := n.deps.held()
		require.Zero(t, leases, "the lease must be free before the client gets the answer")
		n.awaitClean(t)
		require.Equal(t, 1, n.facts.count(equals(domain.CloseCodeObserved{Transport: domain.TransportWebSocket, Code: code})))
	}
	c := n.mustDial(t, "u1")
	require.NoError(t, c.WriteControl(gorilla.CloseMessage, nil, time.Now().Add(time.Second)))
	require.Equal(t, gorilla.CloseNoStatusReceived, c.end(t).Code)
	n.awaitClean(t)
}

func TestClientErrors(t *testing.T) {
	settings := settings()
	settings.MaxMessageBytes = 1000
	for name, c := range map[string]struct {
		code   int
		reason string
		act    func(*client) error
	}{
		"bad text":  {1007, `"error_code":"VALIDATION_ERROR"`, func(c *client) error { return c.WriteMessage(gorilla.TextMessage, []byte{0xc3, 0x28}) }},
		"too large": {1009, "", func(c *client) error { return c.WriteMessage(gorilla.BinaryMessage, make([]byte, 2_000_000)) }},
		"protocol": {1002, "bad opcode 3", func(c *client) error {
			_, err := c.NetConn().Write([]byte{0x83, 0x80, 0, 0, 0, 0})
			return err
		}},
	} {
		t.Run(name, func(t *testing.T) {
			n := newNode(t, settings)
			conn := n.mustDial(t, "u1")
			_ = c.act(conn) // may fail: the server can be quicker
			end := conn.end(t)
			require.Equal(t, c.code, end.Code)
			require.Contains(t, end.Text, c.reason)
			conn.Leave()
			n.awaitClean(t)
			require.Equal(t, 1, n.facts.count(is[domain.CloseCodeObserved]))
			require.Equal(t, 1, n.facts.count(equals(domain.CloseCodeObserved{Transport: domain.TransportWebSocket, Code: c.code})))
		})
	}
}

// A client that is still sending when its connection is closed can finish and read
// the close frame; a reset would destroy it.
func TestNoResetWhileTheClientSends(t *testing.T) {
	n := newNode(t, settings())
	conn, err := net.Dial("tcp", n.server.Listener.Addr().String())
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	_, err = io.WriteString(conn, handshake("u1"))
	require.NoError(t, err)
	require.NoError(t, skipHeaders(conn))
	const size = 4 << 20
	_, err = conn.Write(append([]byte{0x82, 0xff, 0, 0, 0, 0, size >> 24, size >> 16 & 0xff, size >> 8 & 0xff, size & 0xff}, 0, 0, 0, 0))
	require.NoError(t, err)
	for range size >> 10 {
		_, err = conn.Write(make([]byte, 1<<10))
		require.NoError(t, err)
	}
	answer, err := io.ReadAll(conn)
	require.NoError(t, err)
	require.Equal(t, []byte{0x88, 2, 1009 >> 8, 1009 & 0xff}, answer)
}

func TestSlowConsumer(t *testing.T) {
	n := newNode(t, settings())
	conn := n.mustDial(t, "u1")
	require.NoError(t, conn.NetConn().(*net.TCPConn).SetReadBuffer(4096))
	payload := []byte(strings.Repeat("x", 200_000))
	accepted := 0
	for n.manager.Send(domain.Message{User: "u1", Payload: payload, Received: time.Now()}) == 1 {
		accepted++
		require.Less(t, accepted, 10_000)
	}
	n.awaitClean(t)
	require.Equal(t, 1, n.facts.count(equals(domain.CloseCodeObserved{Transport: domain.TransportWebSocket, Code: 4001})))
	failed := n.facts.count(is[domain.MessageFailed])
	require.Equal(t, accepted+1, n.facts.count(is[domain.MessageSent])+failed, "every message is accounted for")
	require.NotZero(t, n.facts.count(equals(domain.MessageFailed{Reason: domain.SlowConsumer})))
	require.Contains(t, n.log.String(), "close_code=4001")
}

func TestSlowConsumerReadsItsCloseFrame(t *testing.T) {
	c := settings()
	c.SendQueueBytes = 300
	n := newNode(t, c)
	n.deps.during = func(user domain.UserID) {
		for range 4 {
			n.manager.Send(domain.Message{User: user, Payload: make([]byte, 100), Received: time.Now()})
		}
	}
	end := n.mustDial(t, "u1").end(t)
	require.Equal(t, 4001, end.Code)
	require.Contains(t, end.Text, `"error_code":"QUOTA_EXCEEDED","message":"Slow consumer"`)
	n.awaitClean(t)
}

func TestOversizedMessagePassesAnEmptyQueue(t *testing.T) {
	c := settings()
	c.SendQueueBytes = 300
	n := newNode(t, c)
	conn := n.mustDial(t, "u1")
	require.Equal(t, 1, n.manager.Send(domain.Message{User: "u1", Payload: []byte(strings.Repeat("y", 100_000)), Received: time.Now()}))
	text, err := conn.Next()
	require.NoError(t, err)
	require.Len(t, text, 100_000)
}

func TestTimeLimits(t *testing.T) {
	silent := func(c *client) { c.SetPingHandler(func(string) error { return nil }) }
	for name, c := range map[string]struct {
		code   int
		reason string
		set    func(*node)
		config func(c *websocket.Config)
		client func(*client)
	}{
		"no pong": {4002, "TIMEOUT", nil, func(c *websocket.Config) { c.PingInterval, c.PongTimeout = 50*time.Millisecond, 200*time.Millisecond }, silent},
		"idle":    {4002, "TIMEOUT", nil, func(c *websocket.Config) { c.IdleTimeout = 200 * time.Millisecond }, silent},
		"expiry": {
			1008, "Token has expired", func(n *node) { n.tokens.expires = time.Now().Add(300 * time.Millisecond) },
			func(*websocket.Config) {}, nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := settings()
			c.config(&config)
			set := c.set
			if set == nil {
				set = func(*node) {}
			}
			n := newNode(t, config, set)
			conn := n.mustDial(t, "u1")
			if c.client != nil {
				c.client(conn)
			}
			end := conn.end(t)
			require.Equal(t, c.code, end.Code)
			require.Contains(t, end.Text, c.reason)
			n.awaitClean(t)
		})
	}
}

func TestPongsKeepASocketOpen(t *testing.T) {
	t.Parallel()
	c := settings()
	c.PingInterval, c.PongTimeout, c.IdleTimeout = 50*time.Millisecond, time.Second, time.Second
	n := newNode(t, c)
	conn := n.mustDial(t, "u1")
	time.AfterFunc(2500*time.Millisecond, func() { n.manager.Send(text("u1", "late")) })
	got, err := conn.Next()
	require.NoError(t, err)
	require.Equal(t, "late", string(got))
}

func TestPanicEndsOneSession(t *testing.T) {
	for name, c := range map[string]struct {
		panicOn func(domain.Fact) bool
		act     func(*node, *client)
		code    int
	}{
		"on connecting": {is[domain.ConnectionAccepted], func(*node, *client) {}, 1011},
		"in the writer": {is[domain.MessageSent], func(n *node, _ *client) { n.manager.Send(text("u1", "x")) }, 1011},
		"in the reader": {is[domain.FrameReceived], func(_ *node, c *client) { _ = c.WriteMessage(gorilla.TextMessage, nil) }, 1011},
		"in the closing": {is[domain.CloseCodeObserved], func(_ *node, c *client) {
			_ = c.WriteControl(gorilla.CloseMessage, gorilla.FormatCloseMessage(1000, ""), time.Now().Add(time.Second))
		}, 1000},
	} {
		t.Run(name, func(t *testing.T) {
			n := newNode(t, settings(), func(n *node) { n.facts.panicOn = c.panicOn })
			failing := n.mustDial(t, "u1")
			c.act(n, failing)
			require.Equal(t, c.code, failing.end(t).Code)
			require.Eventually(t, func() bool { leases, _ := n.deps.held(); return leases == 0 }, 5*time.Second, time.Millisecond)
			require.Contains(t, n.log.String(), "session panicked")
			other := n.mustDial(t, "u2")
			n.manager.Send(text("u2", "fine"))
			got, err := other.Next()
			require.NoError(t, err)
			require.Equal(t, "fine", string(got))
		})
	}
}

func text(user domain.UserID, s string) domain.Message {
	return domain.Message{User: user, Payload: []byte(s), Received: time.Now()}
}

// A client that does not answer the close frame is waited for briefly, and one that
// reads nothing delays a close only up to flushTimeout.
func TestClosingEnds(t *testing.T) {
	for name, act := range map[string]func(*node, net.Conn){
		"no answer": func(_ *node, conn net.Conn) { _, _ = conn.Write([]byte{0x81, 0x81, 0, 0, 0, 0, 0xff}) },
		"stuck": func(n *node, _ net.Conn) {
			for range 20 {
				n.manager.Send(text("u1", strings.Repeat("x", 1<<20)))
			}
			n.manager.CloseUser("u1", nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := settings()
			c.SendQueueBytes = 1 << 30
			n := newNode(t, c)
			conn, err := net.Dial("tcp", n.server.Listener.Addr().String())
			require.NoError(t, err)
			defer func() { _ = conn.Close() }()
			_, err = io.WriteString(conn, handshake("u1"))
			require.NoError(t, err)
			require.NoError(t, skipHeaders(conn))
			begin := time.Now()
			act(n, conn)
			n.awaitClean(t)
			require.Less(t, time.Since(begin), 8*time.Second) // a write alone may take longer
		})
	}
}

func TestOperatorDisconnects(t *testing.T) {
	n := newNode(t, settings())
	conn := n.mustDial(t, "u1")
	require.Equal(t, 1, n.manager.CloseUser("u1", domain.Forbidden("Disconnected", nil)))
	end := conn.end(t)
	require.Equal(t, 4003, end.Code)
	require.Contains(t, end.Text, `"error_code":"AUTHORIZATION_ERROR","message":"Disconnected"`)
	n.awaitClean(t)
}
