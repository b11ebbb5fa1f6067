package websocket_test

import (
	"math/rand/v2"
	"net"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	gorilla "github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
)

// smallBuffers gives the server's connections small send buffers, so that few writes
// are accepted completely.
func smallBuffers(n *node) {
	n.accepted = func(conn net.Conn, state http.ConnState) {
		if state == http.StateNew {
			_ = conn.(*net.TCPConn).SetWriteBuffer(16 << 10)
		}
	}
}

// dialSmallBuffers connects a client with a small receive buffer.
func dialSmallBuffers(t testing.TB, n *node, user domain.UserID) *client {
	t.Helper()
	c, err := n.dialWith(&gorilla.Dialer{
		ReadBufferSize: 128,
		NetDial: func(network, addr string) (net.Conn, error) {
			conn, err := net.Dial(network, addr)
			if err == nil {
				err = conn.(*net.TCPConn).SetReadBuffer(64 << 10)
			}
			return conn, err
		},
	}, "?token="+string(user), nil)
	require.NoError(t, err)
	t.Cleanup(c.Leave)
	return c
}

// body returns the n-th message of the given size.
func body(n, size int) string {
	head := strconv.Itoa(n) + " "
	return head + strings.Repeat(string(rune('a'+n%26)), max(0, size-len(head)))
}

// sendWhilePinging sends messages of these sizes to a client while both ends send pings, and requires
// that the client received them in order when the socket is closed. delay returns how often the client
// yields before it reads the next message.
func sendWhilePinging(t *testing.T, sizes []int, delay func() int) {
	t.Helper()
	c := settings()
	c.PingInterval, c.SendQueueMessages, c.SendQueueBytes = time.Millisecond, 1<<20, 1<<30
	n := newNode(t, c, smallBuffers)
	conn := dialSmallBuffers(t, n, "u1")
	var pings, pongs atomic.Int64
	conn.SetPingHandler(func(string) error { pings.Add(1); return nil })
	conn.SetPongHandler(func(string) error { pongs.Add(1); return nil })
	asked := make(chan int64, 1)
	go func() {
		sent := int64(0)
		for i, size := range sizes {
			n.manager.Send(text("u1", body(i, size)))
			if i%3 == 0 && conn.WriteControl(gorilla.PingMessage, nil, time.Now().Add(time.Second)) == nil {
				sent++
			}
		}
		asked <- sent
	}()
	for i, size := range sizes {
		for range delay() { // a slow reader lets others go first
			runtime.Gosched()
		}
		got, err := conn.Next()
		require.NoError(t, err, "message %d", i)
		require.Equal(t, body(i, size), string(got))
	}
	sent := <-asked
	require.Equal(t, 1, n.manager.CloseUser("u1", nil))
	require.Equal(t, 4003, conn.end(t).Code)
	require.LessOrEqual(t, pongs.Load(), sent)
	n.awaitClean(t)
	require.Eventually(t, func() bool { return n.facts.Count(is[domain.MessageSent]) == len(sizes) }, 10*time.Second, time.Millisecond)
}

func TestFramesAreCompleteOnSmallSocketBuffers(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(seed, 1))
			sizes := make([]int, 150)
			for i := range sizes {
				sizes[i] = 1 + r.IntN(1<<(3+r.IntN(16)))
			}
			sendWhilePinging(t, sizes, func() int { return r.IntN(2000) })
		})
	}
}

// The length of a frame has three encodings.
func TestFramesOfEveryLength(t *testing.T) {
	sendWhilePinging(t, []int{1, 124, 125, 126, 127, 65534, 65535, 65536, 65537, 262144, 1}, func() int { return 1 })
}

func FuzzFramesAreComplete(f *testing.F) {
	f.Add([]byte{1, 255, 3, 200, 17})
	f.Fuzz(func(t *testing.T, script []byte) {
		if len(script) > 64 {
			t.Skip("longer ones show no more")
		}
		sizes := make([]int, len(script))
		for i, b := range script {
			sizes[i] = 1 + 4*int(b)*int(b)
		}
		next := 0
		sendWhilePinging(t, sizes, func() int { next++; return int(script[next%len(script)]) })
	})
}

// blockedPeer returns a client whose socket has accepted a part of a message only.
func blockedPeer(t *testing.T) (n *node, conn *client, message string) {
	t.Helper()
	c := settings()
	c.SendQueueBytes = 2 << 20
	n = newNode(t, c, smallBuffers)
	conn, message = dialSmallBuffers(t, n, "u1"), strings.Repeat("x", 1<<20)
	require.Equal(t, 1, n.manager.Send(text("u1", message)))
	require.Zero(t, n.facts.Count(is[domain.MessageSent]), "the socket took it all: it is not narrow")
	return n, conn, message
}

func TestCloseFollowsABlockedFrame(t *testing.T) {
	for name, c := range map[string]struct {
		act  func(*node, *client)
		code int
	}{
		"ours": {func(n *node, _ *client) { n.manager.CloseUser("u1", domain.Forbidden("Disconnected", nil)) }, 4003},
		"the client's": {func(_ *node, c *client) {
			_ = c.WriteControl(gorilla.CloseMessage, gorilla.FormatCloseMessage(1000, ""), time.Now().Add(time.Second))
		}, 1000},
		"gorilla's own": {func(_ *node, c *client) { _, _ = c.NetConn().Write([]byte{0x83, 0x80, 0, 0, 0, 0}) }, 1002},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n, conn, message := blockedPeer(t)
			c.act(n, conn)
			conn.expect(t, message)
			require.Equal(t, c.code, conn.end(t).Code)
			n.awaitClean(t)
		})
	}
}

func TestBlockedSocketDelaysNoOther(t *testing.T) {
	n, _, _ := blockedPeer(t)
	other := n.mustDial(t, "u1")
	for i := range 10 {
		require.Equal(t, 2, n.manager.Send(text("u1", body(i, 100))))
		other.expect(t, body(i, 100))
	}
	// The session counts a message after it has written it, so the client may read it first.
	require.Eventually(t, func() bool { return n.facts.Count(is[domain.MessageSent]) >= 10 }, 10*time.Second, time.Millisecond)
	require.Equal(t, 10, n.facts.Count(is[domain.MessageSent]), "what waits behind the stuck one is not sent")
}

// A peer that disconnects while a frame is blocked ends the session, and the
// messages that were not sent are counted.
func TestBlockedPeerDisconnects(t *testing.T) {
	n, conn, _ := blockedPeer(t)
	n.manager.Send(text("u1", "behind"))
	require.NoError(t, conn.NetConn().(*net.TCPConn).SetLinger(0))
	conn.Leave()
	n.awaitClean(t)
	require.Equal(t, 2, n.facts.Count(equals(domain.MessageFailed{Reason: domain.WriteFailed})))
}
