package websocket

import (
	"net"
	"sync"
	"syscall"
)

// The service does not fragment messages, so that each frame has the bit FIN (RFC 6455 section
// 5.2).
const (
	textFrame  = 0x81 // textFrame is the first byte of a text frame.
	closeFrame = 0x88 // closeFrame is the first byte of a close frame.
	pingFrame  = 0x89 // pingFrame is the first byte of a ping frame.
)

// directWriter is the sending half of a socket. It writes a frame by one
// non-blocking write on the goroutine that has the message: most sockets accept it
// at once, and a hand-over to another goroutine costs as much as the write. Melody's
// writer waits only for what the socket did not accept. Its flush request is an
// empty text message, which is never sent: everything that gorilla writes, pings and
// close frames too, follows the rest of the previous frame.
//
// There is at most one message at a time, see sendQueue. The zero directWriter is
// disabled: melody writes everything.
type directWriter struct {
	raw     syscall.RawConn // nil: direct writes are disabled
	buffers *sync.Pool

	mu          sync.Mutex
	blocked     bool   // a goroutine waits for the socket
	closed      bool   // no more writes: one has failed, or a close frame was sent
	pending     []byte // the rest of the previous frame
	pingPending bool   // pending is a ping, for which there is no flush request: the next ping writes it
}

// enable allows direct writes if the connection supports them. Compressed
// connections must not use them, because gorilla compresses.
func (o *directWriter) enable(conn net.Conn, pens *sync.Pool) {
	c, ok := conn.(syscall.Conn)
	if !ok {
		return
	}
	raw, err := c.SyscallConn()
	if err != nil { // the socket is closed: the writer gets the error
		return
	}
	o.raw, o.buffers = raw, pens
}

// trySend writes the message and returns true when all of it is sent. Otherwise the
// result must be handed to melody's writer, which reports when the message is sent.
// It does not block. Errors are left to the writer, which gets them again.
func (o *directWriter) trySend(payload []byte) (out bool, flush []byte) {
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

// tryPing writes a ping and reports whether it is sent. If not, gorilla must send
// one, which costs more: it sets deadlines and a timer.
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

// write writes a frame of gorilla's after the rest of the previous frame and blocks
// until the socket has accepted it. gorilla calls it for one frame at a time.
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
		n = len(frame) // the flush request itself is not sent
	default:
		n, err = conn.Write(frame)
	}
	o.release(err != nil || frame[0] == closeFrame)
	return n, err
}

// appendPending appends a ping or pong to the rest of the previous frame unless the
// writer has started with it: the time limits of control frames must not apply to a
// message.
func (o *directWriter) appendPending(frame []byte) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.pending) == 0 || o.pingPending || frame[0] == textFrame || frame[0] == closeFrame {
		return false
	}
	o.pending = append(o.pending, frame...)
	return true
}

// acquire reserves the socket for a blocking write and returns what must be written
// first.
func (o *directWriter) acquire() (rest []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	rest, o.pending, o.pingPending, o.blocked = o.pending, nil, false, true
	return rest
}

// release ends the blocking write. over forbids all further writes.
func (o *directWriter) release(over bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.blocked = false
	o.closed = o.closed || over
}
