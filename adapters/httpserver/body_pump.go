package httpserver

import (
	"context"
	"errors"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/huleedu/edge/domain"
)

// pumpBuffer is the size of the buffer through which a body passes, in bytes.
const pumpBuffer = 32 << 10

// drainIdleTimeout bounds how long a client may send nothing while the server drains.
const drainIdleTimeout = 5 * time.Second

// bodyPump reads a request's body on its own goroutine and writes it to a pipe. The
// reader of the pipe can stop at any time without an interrupted read of the
// connection. The requestBody starts the goroutine, ends it and waits for it.
type bodyPump struct {
	body *requestBody
	// limit bounds the body, in bytes; 0 discards the body.
	limit int64
	// idle bounds how long the client may send nothing; 0 means until alone counts.
	// until is the deadline of the whole body.
	idle  time.Duration
	until time.Time
	// pipeWriter and pipeReader pass the body on; nil for a body that is discarded.
	pipeWriter *io.PipeWriter
	pipeReader *io.PipeReader

	// done is closed when the goroutine has ended, drainLimitHit when more than
	// headerDrainBytes was discarded.
	done, drainLimitHit chan struct{}
	cause               atomic.Pointer[error]

	mu sync.Mutex
	// interrupted stops further reads. finished reports that the goroutine has ended.
	interrupted, finished bool
	discarded             int64
}

// streamLimits bound a body that is sent on to a service.
type streamLimits struct {
	bytes int64
	idle  time.Duration
	until time.Time
}

// stream returns the body as a reader for a transport. Close of the result ends a
// blocked Read; the rest of the body is then discarded.
func (b *requestBody) stream(limits streamLimits) *bodyPump {
	p := &bodyPump{limit: limits.bytes, idle: limits.idle, until: limits.until}
	p.pipeReader, p.pipeWriter = io.Pipe()
	b.startPump(p)
	return p
}

// Read reads from the pipe. It returns an error at the size limit, so that the
// service never receives a complete request.
func (p *bodyPump) Read(to []byte) (int, error) { return p.pipeReader.Read(to) }

// Close ends a blocked Read.
func (p *bodyPump) Close() error { return p.pipeReader.CloseWithError(errBodyInUse) }

// failure returns the error that ended the body early, or nil. It may be called on a
// nil pump.
func (p *bodyPump) failure() error {
	if p == nil {
		return nil
	}
	if err := p.cause.Load(); err != nil {
		return *err
	}
	return nil
}

// interrupt ends the goroutine's read by a deadline in the past. The deadline stays,
// because nothing reads the connection afterwards. If the body ends at the same
// time, clearDeadline removes it.
func (p *bodyPump) interrupt() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.body.complete.Load() {
		return
	}
	p.interrupted = true
	_ = p.body.conn.SetReadDeadline(expiredDeadline()) // a connection without deadlines has no client
}

// setDeadline sets the deadline of the next read. It returns false after interrupt.
func (p *bodyPump) setDeadline() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.interrupted {
		return false
	}
	end := p.until
	if p.idle > 0 {
		if next := time.Now().Add(p.idle); end.IsZero() || next.Before(end) {
			end = next
		}
	}
	_ = p.body.conn.SetReadDeadline(end)
	return true
}

// clearDeadline removes the deadline after the end of the body. net/http continues
// to read in order to detect a disconnect.
func (p *bodyPump) clearDeadline() {
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = p.body.conn.SetReadDeadline(time.Time{})
}

// shortenDeadline reduces the idle limit to drainIdleTimeout when the server drains.
func (p *bodyPump) shortenDeadline() {
	p.mu.Lock()
	defer p.mu.Unlock()
	unbounded := p.idle == 0 && p.pipeWriter != nil // the reader of the pipe has its own idle limit
	if p.finished || p.interrupted || p.body.complete.Load() || p.idle <= drainIdleTimeout && !unbounded {
		return
	}
	p.idle = drainIdleTimeout
	_ = p.body.conn.SetReadDeadline(time.Now().Add(drainIdleTimeout))
}

func (p *bodyPump) markFinished() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.finished = true
}

func (p *bodyPump) run() {
	defer close(p.done)
	defer p.markFinished()
	defer context.AfterFunc(p.body.router.draining, p.shortenDeadline)()
	buffer := p.body.router.buffers.get()
	defer p.body.router.buffers.put(buffer)
	for p.setDeadline() {
		n, err := p.body.read(buffer[:])
		if p.limit > 0 && p.body.bytesRead.Load() > p.limit {
			p.setFailure(tooLarge(p.limit))
		}
		p.deliver(buffer[:n])
		switch {
		case errors.Is(err, io.EOF):
			p.clearDeadline()
			if p.pipeWriter != nil {
				_ = p.pipeWriter.Close()
			}
			return
		case err != nil:
			p.setFailure(p.readError(err))
			return
		case p.discarded > drainBytes:
			return
		}
	}
}

// deliver writes a piece to the pipe, or discards it if the pipe has no reader.
func (p *bodyPump) deliver(piece []byte) {
	if p.pipeWriter != nil && p.failure() == nil {
		if _, err := p.pipeWriter.Write(piece); err == nil {
			return
		}
	}
	before := p.discarded
	p.discarded += int64(len(piece))
	if before <= headerDrainBytes && p.discarded > headerDrainBytes {
		close(p.drainLimitHit)
	}
}

// setFailure stores the first error that ended the body early.
func (p *bodyPump) setFailure(cause error) {
	p.cause.CompareAndSwap(nil, &cause)
	if p.pipeWriter != nil {
		_ = p.pipeWriter.CloseWithError(cause) // a pipe always closes
	}
}

// readError translates the error of a read.
func (p *bodyPump) readError(cause error) error {
	if errors.Is(cause, os.ErrDeadlineExceeded) {
		limit := p.idle
		if limit <= 0 || !p.until.IsZero() && !time.Now().Before(p.until) {
			limit = p.until.Sub(p.body.startedAt).Round(time.Millisecond)
		}
		return domain.TimedOut("request body", limit, cause).WithOp("httpserver.body")
	}
	return bodyReadError(cause)
}

// bufferPool holds the buffers for bodies of all requests.
type bufferPool struct{ pool sync.Pool }

func (b *bufferPool) get() *[pumpBuffer]byte {
	if buffer, ok := b.pool.Get().(*[pumpBuffer]byte); ok {
		return buffer
	}
	return new([pumpBuffer]byte)
}

func (b *bufferPool) put(buffer *[pumpBuffer]byte) { b.pool.Put(buffer) }
