package websocket

import (
	"encoding/binary"
	"math"
	"net"
	"sync"
	"syscall"
)

// The first bytes of the frames that pass an outlet, see RFC 6455 section 5.2:
// whole ones, since this server does not fragment.
const (
	textFrame  = 0x81
	closeFrame = 0x88
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
	raw syscall.RawConn // nil: no direct way
	try func(fd uintptr)

	mu   sync.Mutex
	busy bool   // somebody waits for the socket
	over bool   // nothing may follow: a write failed, or a close frame went out
	rest []byte // what is left of the frame
	// What try is to write, and how much of it the socket took.
	frame []byte
	taken int
}

// direct opens the direct way, if the connection has one. What is compressed has
// none: it must pass gorilla.
func (o *outlet) direct(conn net.Conn) {
	c, ok := conn.(syscall.Conn)
	if !ok {
		return
	}
	raw, err := c.SyscallConn()
	if err != nil { // the socket is closed: the writer will hear of it
		return
	}
	o.raw, o.try = raw, o.write
}

// offer sends the letter and reports whether all of it is out. If not, melody's
// writer must be handed the errand, and tells when the letter is out. It never
// waits, and never fails: an error is met again by the writer.
func (o *outlet) offer(l letter) (out bool, errand []byte) {
	if o.raw == nil {
		return false, l.payload
	}
	frame := l.frame
	if frame == nil {
		frame = framed(l.payload)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	taken := 0
	if !o.busy && !o.over {
		taken = o.attempt(frame)
	}
	if taken == len(frame) {
		return true, nil
	}
	o.rest = frame[taken:]
	return false, nil
}

// attempt returns how much of the frame the socket took.
func (o *outlet) attempt(frame []byte) int {
	o.frame, o.taken = frame, 0
	_ = o.raw.Control(o.try) // fails when the socket is closed: nothing was taken
	o.frame = nil
	return o.taken
}

// write is what attempt does with the socket, which is in non-blocking mode. A
// write of net.Conn's would look at the deadline first, and wait.
func (o *outlet) write(fd uintptr) {
	if n, err := syscall.Write(int(fd), o.frame); err == nil {
		o.taken = n
	}
}

// pass writes a frame of gorilla's, behind what is left, and waits until the
// socket has taken it. gorilla calls it for one frame at a time.
func (o *outlet) pass(conn net.Conn, frame []byte) (int, error) {
	if o.raw == nil {
		return conn.Write(frame)
	}
	rest := o.occupy()
	n, err := 0, error(nil)
	if len(rest) > 0 {
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

func (o *outlet) occupy() (rest []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	rest, o.rest, o.busy = o.rest, nil, true
	return rest
}

func (o *outlet) vacate(over bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.busy = false
	o.over = o.over || over
}

// framed is a text message as one frame of a server's, which has no mask. It is
// the same for every socket.
func framed(payload []byte) []byte {
	const header = 10 // the longest
	out := make([]byte, 0, header+len(payload))
	switch n := len(payload); {
	case n < longLength:
		out = append(out, textFrame, byte(n))
	case n <= math.MaxUint16:
		out = binary.BigEndian.AppendUint16(append(out, textFrame, longLength), uint16(n))
	default:
		out = binary.BigEndian.AppendUint64(append(out, textFrame, hugeLength), uint64(n))
	}
	return append(out, payload...)
}
