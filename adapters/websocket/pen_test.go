package websocket

import (
	"bytes"
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// ends are a loopback connection's two.
func ends(t *testing.T) (near, far net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = l.Close() }()
	far, err = net.Dial("tcp", l.Addr().String())
	require.NoError(t, err)
	near, err = l.Accept()
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = near.Close()
		_ = far.Close()
	})
	return near, far
}

func TestNothingFollowsAClose(t *testing.T) {
	near, far := ends(t)
	var o outlet
	o.direct(near, newPens())
	out, _ := o.offer([]byte("a"))
	require.True(t, out)
	goodbye := []byte{closeFrame, 0}
	n, err := o.pass(near, goodbye)
	require.NoError(t, err)
	require.Len(t, goodbye, n)
	out, errand := o.offer([]byte("b"))
	require.False(t, out)
	require.Empty(t, errand)
	require.NoError(t, near.Close())
	all, err := io.ReadAll(far)
	require.NoError(t, err)
	require.Equal(t, []byte{textFrame, 1, 'a', closeFrame, 0}, all)
}

func TestErrandsNeverReachTheSocket(t *testing.T) {
	near, far := ends(t)
	var o outlet
	o.direct(near, newPens())
	o.busy = true // as while a ping waits for the socket
	out, errand := o.offer([]byte("a"))
	require.False(t, out)
	require.Empty(t, errand)
	o.busy = false
	n, err := o.pass(near, []byte{textFrame, 0})
	require.NoError(t, err)
	require.Equal(t, 2, n)
	out, _ = o.offer(nil)
	require.True(t, out, "an empty message is a message")
	require.NoError(t, near.Close())
	all, err := io.ReadAll(far)
	require.NoError(t, err)
	require.Equal(t, []byte{textFrame, 1, 'a', textFrame, 0}, all)
}

func TestWriterHearsOfABrokenSocket(t *testing.T) {
	near, _ := ends(t)
	var o outlet
	o.direct(near, newPens())
	require.NoError(t, near.Close())
	out, _ := o.offer([]byte("a"))
	require.False(t, out)
	_, err := o.pass(near, []byte{textFrame, 0})
	require.ErrorIs(t, err, net.ErrClosed)
	require.True(t, o.over)
}

// A ping behind a frame that is stuck is not waited for: its limit would end the
// session of a client that is merely slow.
func TestPingsJoinWhatIsLeft(t *testing.T) {
	near, far := ends(t)
	var o outlet
	o.direct(near, newPens())
	message := bytes.Repeat([]byte("x"), 16<<20)
	out, _ := o.offer(message)
	require.False(t, out, "the socket took it all")
	require.NoError(t, near.SetWriteDeadline(time.Now())) // waiting would fail at once
	ping := []byte{0x89, 0}
	n, err := o.pass(near, ping)
	require.NoError(t, err)
	require.Len(t, ping, n)
	require.NoError(t, near.SetWriteDeadline(time.Time{}))
	go func() {
		_, _ = o.pass(near, []byte{textFrame, 0})
		_ = near.Close()
	}()
	all, err := io.ReadAll(far)
	require.NoError(t, err)
	var p pen
	p.load(message)
	require.True(t, bytes.Equal(append(p.frame, ping...), all))
}

// A connection without a descriptor, and one that was closed, leave everything
// to melody's writer.
func TestWithoutADirectWay(t *testing.T) {
	pipe, _ := net.Pipe()
	closed, _ := ends(t)
	require.NoError(t, closed.Close())
	for _, conn := range []net.Conn{pipe, closed} {
		var o outlet
		o.direct(conn, newPens())
		out, errand := o.offer([]byte("a"))
		require.False(t, out)
		if o.raw == nil {
			require.Equal(t, "a", string(errand))
		}
	}
}

func TestPensForgetLongFrames(t *testing.T) {
	var p pen
	p.load(make([]byte, 2*longPen))
	require.Len(t, p.frame, 2*longPen+10-6) // a header with two bytes of length
	p.load([]byte("a"))
	require.Less(t, cap(p.frame), longPen)
}
