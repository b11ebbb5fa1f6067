package websocket

import (
	"net"
	"sync"
	"syscall"
)

// The first bytes of the frames that pass an outlet, see RFC 6455 section 5.2:
// whole ones, since this server does not fragment.
const (
	textFrame  = 0x81
	closeFrame = 0x88
	pingFrame  = 0x89
)

// directWriter is the sending half of a socket. A frame goes out by one write that
// never waits, on the goroutine of whoever has it: most sockets take it at once,
// and handing it to another goroutine would cost as much as the write. Only what
// a socket does not take is left to melody's writer, who waits for it. Its errand
// is an empty message, which never reaches the socket: all that is written through
// gorilla, pings and closes too, goes out behind what is left of the frame before.
//
// There is at most one frame at a time, see mailbox. The zero outlet has no direct
// way, and everything is written by melody.
type directWriter struct {
	raw     syscall.RawConn // nil: no direct way
	buffers *sync.Pool

	mu          sync.Mutex
	blocked     bool   // somebody waits for the socket
	closed      bool   // nothing may follow: a write failed, or a close frame went out
	pending     []byte // what is left of the frame
	pingPending bool   // it is a ping, which has no errand: the next ping fetches it
}

// enable opens the direct way, if the connection has one. What is compressed has
// none: it must pass gorilla.
func (o *directWriter) enable(conn net.Conn, pens *sync.Pool) {
	c, ok := conn.(syscall.Conn)
	if !ok {
		return
	}
	raw, err := c.SyscallConn()
	if err != nil { // the socket is closed: the writer will hear of it
		return
	}
	o.raw, o.buffers = raw, pens
}

// trySend sends the message and reports whether all of it is out. If not, melody's
// writer must be handed the errand, and tells when the message is out. It never
// waits, and never fails: an error is met again by the writer.
func (o *directWriter) trySend(payload []byte) (out bool, errand []byte) {
	if o.raw == nil {
		return false, payload
	}
	p := o.buffers.Get().(*frameBuffer)
	defer o.buffers.Put(p)
	p.setText(payload)
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.blocked && !o.closed && !o.pingPending {
		p.writeTo(o.raw)
	}
	if p.written == len(p.frame) {
		return true, nil
	}
	o.pending = append(o.pending, p.frame[p.written:]...)
	return false, nil
}

// tryPing sends a ping and reports whether it is out. If not, gorilla must send one:
// it waits, with deadlines and a timer, which costs as much as a ping.
func (o *directWriter) tryPing() (out bool) {
	if o.raw == nil {
		return false
	}
	p := o.buffers.Get().(*frameBuffer)
	defer o.buffers.Put(p)
	p.written, p.frame = 0, append(p.frame[:0], pingFrame, 0)
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.blocked || o.closed || len(o.pending) > 0 {
		return false
	}
	p.writeTo(o.raw)
	if p.written == 1 {
		o.pending, o.pingPending = append(o.pending, p.frame[1:]...), true
	}
	return p.written == len(p.frame)
}

// write writes a frame of gorilla's, behind what is left, and waits until the
// socket has taken it. gorilla calls it for one frame at a time.
func (o *directWriter) write(conn net.Conn, frame []byte) (int, error) {
	if o.raw == nil {
		return conn.Write(frame)
	}
	if o.appendPending(frame) {
		return len(frame), nil
	}
	n, err := 0, error(nil)
	if rest := o.acquire(); len(rest) > 0 {
		_, err = conn.Write(rest)
	}
	switch {
	case err != nil:
	case frame[0] == textFrame:
		n = len(frame) // the errand, which is done
	default:
		n, err = conn.Write(frame)
	}
	o.release(err != nil || frame[0] == closeFrame)
	return n, err
}

// appendPending puts a ping or a pong behind what is left, if the writer has not begun
// with it: their time limits are not meant for a message.
func (o *directWriter) appendPending(frame []byte) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.pending) == 0 || o.pingPending || frame[0] == textFrame || frame[0] == closeFrame {
		return false
	}
	o.pending = append(o.pending, frame...)
	return true
}

func (o *directWriter) acquire() (rest []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	rest, o.pending, o.pingPending, o.blocked = o.pending, nil, false, true
	return rest
}

func (o *directWriter) release(over bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.blocked = false
	o.closed = o.closed || over
}
