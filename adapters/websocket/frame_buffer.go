package websocket

import (
	"encoding/binary"
	"math"
	"sync"
	"syscall"
)

// maxPooledBuffer is the largest buffer that a pen keeps.
const maxPooledBuffer = 16 << 10

// frameBuffer writes one frame at a time, and is lent to whoever writes: sockets that
// are quiet own no buffer.
type frameBuffer struct {
	frame   []byte
	written int // how much of the frame the socket took
	write   func(fd uintptr)
}

// newFrameBuffers returns a stock of pens.
func newFrameBuffers() *sync.Pool {
	return &sync.Pool{New: func() any {
		p := new(frameBuffer)
		p.write = p.writeOnce
		return p
	}}
}

// setText makes the payload a text frame of a server's, which has no mask.
func (p *frameBuffer) setText(payload []byte) {
	p.written = 0
	if cap(p.frame) > maxPooledBuffer {
		p.frame = nil
	}
	switch n := len(payload); {
	case n < length16:
		p.frame = append(p.frame[:0], textFrame, byte(n))
	case n <= math.MaxUint16:
		p.frame = binary.BigEndian.AppendUint16(append(p.frame[:0], textFrame, length16), uint16(n))
	default:
		p.frame = binary.BigEndian.AppendUint64(append(p.frame[:0], textFrame, length64), uint64(n))
	}
	p.frame = append(p.frame, payload...)
}

// writeTo offers the frame to the socket once, and waits for nothing. A write of
// net.Conn's would look at the deadline first, and wait.
func (p *frameBuffer) writeTo(raw syscall.RawConn) {
	_ = raw.Control(p.write) // fails when the socket is closed: nothing was taken
}

// writeOnce is what put does with the socket, which is in non-blocking mode.
func (p *frameBuffer) writeOnce(fd uintptr) {
	if n, err := syscall.Write(int(fd), p.frame); err == nil {
		p.written = n
	}
}
