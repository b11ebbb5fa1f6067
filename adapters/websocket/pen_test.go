package websocket

import (
	"bytes"
	"io"
	"net"
	"sync"
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

// A ping goes out at once, or not at all: not while somebody waits, not behind what
// is left of a message, not after a close frame.
func TestPingsGoOutAtOnce(t *testing.T) {
	near, far := ends(t)
	var o outlet
	require.False(t, o.ping(), "no direct way")
	o.direct(near, newPens())
	require.NoError(t, near.SetWriteDeadline(time.Now())) // nothing waits
	require.True(t, o.ping())
	o.busy = true
	require.False(t, o.ping())
	o.busy, o.rest = false, []byte{1}
	require.False(t, o.ping())
	o.rest, o.over = nil, true
	require.False(t, o.ping())
	require.NoError(t, near.Close())
	all, err := io.ReadAll(far)
	require.NoError(t, err)
	require.Equal(t, []byte{pingFrame, 0}, all)
	o.over = false
	require.False(t, o.ping(), "the socket is closed")
}

// A socket that takes half a ping has the other half before anything else, and
// with gorilla's ping at the latest.
func TestTornPings(t *testing.T) {
	for name, message := range map[string]bool{"a message comes first": true, "alone": false} {
		t.Run(name, func(t *testing.T) {
			near, far := ends(t)
			var o outlet
			o.direct(near, newPens())
			half := new(pen)
			half.write = func(uintptr) { half.taken, _ = near.Write(half.frame[:1]) }
			whole := o.pens
			o.pens = &sync.Pool{New: func() any { return half }}
			require.False(t, o.ping())
			o.pens = whole
			require.False(t, o.ping())
			want := []byte{pingFrame, 0}
			if message {
				out, errand := o.offer([]byte("a"))
				require.False(t, out)
				require.Empty(t, errand)
				want = append(want, textFrame, 1, 'a')
			}
			n, err := o.pass(near, []byte{pingFrame, 0}) // gorilla's
			require.NoError(t, err)
			require.Equal(t, 2, n)
			require.True(t, o.ping(), "all is out")
			require.NoError(t, near.Close())
			all, err := io.ReadAll(far)
			require.NoError(t, err)
			require.Equal(t, append(want, pingFrame, 0, pingFrame, 0), all)
		})
	}
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
