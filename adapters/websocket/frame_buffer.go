package websocket

import (
	"encoding/binary"
	"math"
	"sync"
	"syscall"
)

// maxPooledBuffer is the largest buffer, in bytes, that is kept for reuse.
const maxPooledBuffer = 16 << 10

// frameBuffer holds one frame while it is written. Buffers are pooled, so that idle
// sockets have none.
type frameBuffer struct {
	frame   []byte
	written int // how many bytes the socket accepted
	write   func(fd uintptr)
}

// newFrameBuffers returns a pool of *frameBuffer.
func newFrameBuffers() *sync.Pool {
	return &sync.Pool{New: func() any {
		p := new(frameBuffer)
		p.write = p.writeOnce
		return p
	}}
}

// setText makes the payload an unmasked text frame.
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

// writeTo writes the frame once without blocking. net.Conn's Write would check the
// deadline first and wait.
func (p *frameBuffer) writeTo(raw syscall.RawConn) {
	_ = raw.Control(p.write) // an error means that the socket is closed and nothing is written
}
