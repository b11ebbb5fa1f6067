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

// socketPair returns both ends of a loopback connection.
func socketPair(t *testing.T) (near, far net.Conn) {
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
	near, far := socketPair(t)
	var o directWriter
	o.enable(near, newFrameBuffers())
	out, _ := o.trySend([]byte("a"))
	require.True(t, out)
	goodbye := []byte{closeFrame, 0}
	n, err := o.write(near, goodbye)
	require.NoError(t, err)
	require.Len(t, goodbye, n)
	out, flush := o.trySend([]byte("b"))
	require.False(t, out)
	require.Empty(t, flush)
	require.NoError(t, near.Close())
	all, err := io.ReadAll(far)
	require.NoError(t, err)
	require.Equal(t, []byte{textFrame, 1, 'a', closeFrame, 0}, all)
}

func TestFlushRequestsAreNotSent(t *testing.T) {
	near, far := socketPair(t)
	var o directWriter
	o.enable(near, newFrameBuffers())
	o.blocked = true // as while a ping waits for the socket
	out, flush := o.trySend([]byte("a"))
	require.False(t, out)
	require.Empty(t, flush)
	o.blocked = false
	n, err := o.write(near, []byte{textFrame, 0})
	require.NoError(t, err)
	require.Equal(t, 2, n)
	out, _ = o.trySend(nil)
	require.True(t, out, "an empty message is a message")
	require.NoError(t, near.Close())
	all, err := io.ReadAll(far)
	require.NoError(t, err)
	require.Equal(t, []byte{textFrame, 1, 'a', textFrame, 0}, all)
}

func TestWriterGetsTheSocketsError(t *testing.T) {
	near, _ := socketPair(t)
	var o directWriter
	o.enable(near, newFrameBuffers())
	require.NoError(t, near.Close())
	out, _ := o.trySend([]byte("a"))
	require.False(t, out)
	_, err := o.write(near, []byte{textFrame, 0})
	require.ErrorIs(t, err, net.ErrClosed)
	require.True(t, o.closed)
}

// A ping behind an unfinished frame is not waited for: the time limit of the ping
// would end the session of a slow client.
func TestPingsFollowTheRestOfAFrame(t *testing.T) {
	near, far := socketPair(t)
	var o directWriter
	o.enable(near, newFrameBuffers())
	message := bytes.Repeat([]byte("x"), 16<<20)
	out, _ := o.trySend(message)
	require.False(t, out, "the socket took it all")
	require.NoError(t, near.SetWriteDeadline(time.Now())) // waiting would fail at once
	ping := []byte{0x89, 0}
	n, err := o.write(near, ping)
	require.NoError(t, err)
	require.Len(t, ping, n)
	require.NoError(t, near.SetWriteDeadline(time.Time{}))
	go func() {
		_, _ = o.write(near, []byte{textFrame, 0})
		_ = near.Close()
	}()
	all, err := io.ReadAll(far)
	require.NoError(t, err)
	var p frameBuffer
	p.setText(message)
	require.True(t, bytes.Equal(append(p.frame, ping...), all))
}

// A ping is written at once or not at all: not while a goroutine waits for the
// socket, not behind the rest of a message, not after a close frame.
func TestPingsAreSentDirectly(t *testing.T) {
	near, far := socketPair(t)
	var o directWriter
	require.False(t, o.tryPing(), "no direct way")
	o.enable(near, newFrameBuffers())
	require.NoError(t, near.SetWriteDeadline(time.Now())) // nothing waits
	require.True(t, o.tryPing())
	o.blocked = true
	require.False(t, o.tryPing())
	o.blocked, o.pending = false, []byte{1}
	require.False(t, o.tryPing())
	o.pending, o.closed = nil, true
	require.False(t, o.tryPing())
	require.NoError(t, near.Close())
	all, err := io.ReadAll(far)
	require.NoError(t, err)
	require.Equal(t, []byte{pingFrame, 0}, all)
	o.closed = false
	require.False(t, o.tryPing(), "the socket is closed")
}

// The second half of a partly written ping is sent before everything else, at the
// latest with gorilla's next ping.
func TestPartlyWrittenPings(t *testing.T) {
	for name, message := range map[string]bool{"a message comes first": true, "alone": false} {
		t.Run(name, func(t *testing.T) {
			near, far := socketPair(t)
			var o directWriter
			o.enable(near, newFrameBuffers())
			half := new(frameBuffer)
			half.write = func(uintptr) { half.written, _ = near.Write(half.frame[:1]) }
			whole := o.buffers
			o.buffers = &sync.Pool{New: func() any { return half }}
			require.False(t, o.tryPing())
			o.buffers = whole
			require.False(t, o.tryPing())
			want := []byte{pingFrame, 0}
			if message {
				out, flush := o.trySend([]byte("a"))
				require.False(t, out)
				require.Empty(t, flush)
				want = append(want, textFrame, 1, 'a')
			}
			n, err := o.write(near, []byte{pingFrame, 0}) // gorilla's
			require.NoError(t, err)
			require.Equal(t, 2, n)
			require.True(t, o.tryPing(), "all is out")
			require.NoError(t, near.Close())
			all, err := io.ReadAll(far)
			require.NoError(t, err)
			require.Equal(t, append(want, pingFrame, 0, pingFrame, 0), all)
		})
	}
}

// A connection without a file descriptor, or a closed one, is written by melody
// only.
func TestConnectionWithoutDirectWrites(t *testing.T) {
	pipe, _ := net.Pipe()
	closed, _ := socketPair(t)
	require.NoError(t, closed.Close())
	for _, conn := range []net.Conn{pipe, closed} {
		var o directWriter
		o.enable(conn, newFrameBuffers())
		out, flush := o.trySend([]byte("a"))
		require.False(t, out)
		if o.raw == nil {
			require.Equal(t, "a", string(flush))
		}
	}
}

func TestLargeBuffersAreNotKept(t *testing.T) {
	var p frameBuffer
	p.setText(make([]byte, 2*maxPooledBuffer))
	require.Len(t, p.frame, 2*maxPooledBuffer+10-6) // a header with two bytes of length
	p.setText([]byte("a"))
	require.Less(t, cap(p.frame), maxPooledBuffer)
}
