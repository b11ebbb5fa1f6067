package websocket

import (
	"encoding/binary"
	"math"
	"sync"
	"syscall"
)

// longPen is the largest buffer that a pen keeps.
const longPen = 16 << 10

// pen writes one frame at a time, and is lent to whoever writes: sockets that
// are quiet own no buffer.
type pen struct {
	frame []byte
	taken int // how much of the frame the socket took
	write func(fd uintptr)
}

// newPens returns a stock of pens.
func newPens() *sync.Pool {
	return &sync.Pool{New: func() any {
		p := new(pen)
		p.write = p.once
		return p
	}}
}

// load makes the payload a text frame of a server's, which has no mask.
func (p *pen) load(payload []byte) {
	p.taken = 0
	if cap(p.frame) > longPen {
		p.frame = nil
	}
	switch n := len(payload); {
	case n < longLength:
		p.frame = append(p.frame[:0], textFrame, byte(n))
	case n <= math.MaxUint16:
		p.frame = binary.BigEndian.AppendUint16(append(p.frame[:0], textFrame, longLength), uint16(n))
	default:
		p.frame = binary.BigEndian.AppendUint64(append(p.frame[:0], textFrame, hugeLength), uint64(n))
	}
	p.frame = append(p.frame, payload...)
}

// put offers the frame to the socket once, and waits for nothing. A write of
// net.Conn's would look at the deadline first, and wait.
func (p *pen) put(raw syscall.RawConn) {
	_ = raw.Control(p.write) // fails when the socket is closed: nothing was taken
}

// once is what put does with the socket, which is in non-blocking mode.
func (p *pen) once(fd uintptr) {
	if n, err := syscall.Write(int(fd), p.frame); err == nil {
		p.taken = n
	}
}
