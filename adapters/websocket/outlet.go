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

// outlet is the sending half of a socket. A frame goes out by one write that
// never waits, on the goroutine of whoever has it: most sockets take it at once,
// and handing it to another goroutine would cost as much as the write. Only what
// a socket does not take is left to melody's writer, who waits for it. Its errand
// is an empty message, which never reaches the socket: all that is written through
// gorilla, pings and closes too, goes out behind what is left of the frame before.
//
// There is at most one frame at a time, see mailbox. The zero outlet has no direct
// way, and everything is written by melody.
type outlet struct {
	raw  syscall.RawConn // nil: no direct way
	pens *sync.Pool

	mu   sync.Mutex
	busy bool   // somebody waits for the socket
	over bool   // nothing may follow: a write failed, or a close frame went out
	rest []byte // what is left of the frame
	torn bool   // it is a ping, which has no errand: the next ping fetches it
}

// direct opens the direct way, if the connection has one. What is compressed has
// none: it must pass gorilla.
func (o *outlet) direct(conn net.Conn, pens *sync.Pool) {
	c, ok := conn.(syscall.Conn)
	if !ok {
		return
	}
	raw, err := c.SyscallConn()
	if err != nil { // the socket is closed: the writer will hear of it
		return
	}
	o.raw, o.pens = raw, pens
}

// offer sends the message and reports whether all of it is out. If not, melody's
// writer must be handed the errand, and tells when the message is out. It never
// waits, and never fails: an error is met again by the writer.
func (o *outlet) offer(payload []byte) (out bool, errand []byte) {
	if o.raw == nil {
		return false, payload
	}
	p := o.pens.Get().(*pen)
	defer o.pens.Put(p)
	p.load(payload)
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.busy && !o.over && !o.torn {
		p.put(o.raw)
	}
	if p.taken == len(p.frame) {
		return true, nil
	}
	o.rest = append(o.rest, p.frame[p.taken:]...)
	return false, nil
}

// ping sends a ping and reports whether it is out. If not, gorilla must send one:
// it waits, with deadlines and a timer, which costs as much as a ping.
func (o *outlet) ping() (out bool) {
	if o.raw == nil {
		return false
	}
	p := o.pens.Get().(*pen)
	defer o.pens.Put(p)
	p.taken, p.frame = 0, append(p.frame[:0], pingFrame, 0)
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.busy || o.over || len(o.rest) > 0 {
		return false
	}
	p.put(o.raw)
	if p.taken == 1 {
		o.rest, o.torn = append(o.rest, p.frame[1:]...), true
	}
	return p.taken == len(p.frame)
}

// pass writes a frame of gorilla's, behind what is left, and waits until the
// socket has taken it. gorilla calls it for one frame at a time.
func (o *outlet) pass(conn net.Conn, frame []byte) (int, error) {
	if o.raw == nil {
		return conn.Write(frame)
	}
	if o.join(frame) {
		return len(frame), nil
	}
	n, err := 0, error(nil)
	if rest := o.occupy(); len(rest) > 0 {
		_, err = conn.Write(rest)
	}
	switch {
	case err != nil:
	case frame[0] == textFrame:
		n = len(frame) // the errand, which is done
	default:
		n, err = conn.Write(frame)
	}
	o.vacate(err != nil || frame[0] == closeFrame)
	return n, err
}

// join puts a ping or a pong behind what is left, if the writer has not begun
// with it: their time limits are not meant for a message.
func (o *outlet) join(frame []byte) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.rest) == 0 || o.torn || frame[0] == textFrame || frame[0] == closeFrame {
		return false
	}
	o.rest = append(o.rest, frame...)
	return true
}

func (o *outlet) occupy() (rest []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	rest, o.rest, o.torn, o.busy = o.rest, nil, false, true
	return rest
}

func (o *outlet) vacate(over bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.busy = false
	o.over = o.over || over
}
