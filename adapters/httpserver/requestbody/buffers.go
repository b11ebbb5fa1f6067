package requestbody

import "sync"

// bufferSize is the size of a buffer through which a body passes, in bytes.
const bufferSize = 32 << 10

// Buffers is a pool of buffers for bodies. The zero value is ready to use.
type Buffers struct{ pool sync.Pool }

// Get returns a buffer of 32 KiB with unknown content. The caller returns it with Put.
func (b *Buffers) Get() *[bufferSize]byte {
	if buffer, ok := b.pool.Get().(*[bufferSize]byte); ok {
		return buffer
	}
	return new([bufferSize]byte)
}

// Put returns a buffer to the pool.
func (b *Buffers) Put(buffer *[bufferSize]byte) { b.pool.Put(buffer) }
