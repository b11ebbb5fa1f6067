package websocket_test

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"

	gorilla "github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
)

func TestPingAndIgnoredFrames(t *testing.T) {
	n := newNode(t, settings())
	c := n.mustDial(t, "u1")
	for _, text := range []string{"hello", `{"type":"pong"}`, `{"type":5}`, `{"type":"refreshed","token":"x"}`, `[]`, ""} {
		c.sendText(t, text)
	}
	require.NoError(t, c.WriteMessage(gorilla.BinaryMessage, []byte{0xff}))
	c.sendText(t, `{"type":"ping"}`)
	c.expect(t, `{"type":"pong"}`)
	require.Equal(t, 7, n.facts.Count(equals(domain.FrameReceived{Type: domain.FrameIgnored})))
	require.Equal(t, 1, n.facts.Count(equals(domain.FrameReceived{Type: domain.FramePing})))
	require.Zero(t, n.facts.Count(is[domain.MessageSent]), "an answer is not a notification")
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
		require.Equal(t, 1, n.closes(code))
	}
	c := n.mustDial(t, "u1")
	require.NoError(t, c.WriteControl(gorilla.CloseMessage, nil, time.Now().Add(time.Second)))
	require.Equal(t, gorilla.CloseNoStatusReceived, c.end(t).Code)
	n.awaitClean(t)
}

// A client that is still sending when its connection is closed can finish and read
// the close frame; a reset would destroy it.
func TestNoResetWhileTheClientSends(t *testing.T) {
	n := newNode(t, settings())
	conn := n.dialRaw(t, handshake("u1"))
	require.NoError(t, skipHeaders(conn))
	const size = 4 << 20
	_, err := conn.Write(append([]byte{0x82, 0xff, 0, 0, 0, 0, size >> 24, size >> 16 & 0xff, size >> 8 & 0xff, size & 0xff}, 0, 0, 0, 0))
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
	require.Equal(t, 1, n.closes(4001))
	failed := n.facts.Count(is[domain.MessageFailed])
	require.Equal(t, accepted+1, n.facts.Count(is[domain.MessageSent])+failed, "every message is accounted for")
	require.NotZero(t, n.facts.Count(equals(domain.MessageFailed{Reason: domain.SlowConsumer})))
	require.Contains(t, n.log.String(), "close_code=4001")
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

func TestMissingPongsCloseTheSocket(t *testing.T) {
	t.Parallel()
	config := settings()
	config.PingInterval, config.PongTimeout = 50*time.Millisecond, 200*time.Millisecond
	n := newNode(t, config)
	conn := n.mustDial(t, "u1")
	conn.SetPingHandler(func(string) error { return nil })
	end := conn.end(t)
	require.Equal(t, 4002, end.Code)
	require.Contains(t, end.Text, "TIMEOUT")
	n.awaitClean(t)
}

func TestPongsKeepASocketOpen(t *testing.T) {
	t.Parallel()
	c := settings()
	c.PingInterval, c.PongTimeout, c.IdleTimeout = 50*time.Millisecond, time.Second, time.Second
	n := newNode(t, c)
	conn := n.mustDial(t, "u1")
	time.AfterFunc(2500*time.Millisecond, func() { n.manager.Send(text("u1", "late")) })
	conn.expect(t, "late")
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
			other.expect(t, "fine")
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
			conn := n.dialRaw(t, handshake("u1"))
			require.NoError(t, skipHeaders(conn))
			begin := time.Now()
			act(n, conn)
			n.awaitClean(t)
			require.Less(t, time.Since(begin), 8*time.Second) // a write alone may take longer
		})
	}
}
