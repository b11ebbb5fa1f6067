package requestbody

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

// drainIdleTimeout bounds how long a client may send nothing while the server drains.
const drainIdleTimeout = 5 * time.Second

// Stream reads a request's body on its own goroutine and passes it on through a pipe. Its
// reader can stop at any time without an interrupted read of the connection. The Body
// starts the goroutine, ends it and waits for it.
type Stream struct {
	body *Body
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

// Limits bound a body that is sent on to a service.
type Limits struct {
	// Bytes bounds its size.
	Bytes int64
	// Idle bounds how long the client may send nothing. With 0 only Until counts.
	Idle time.Duration
	// Until is the deadline of the whole body.
	Until time.Time
}

// Stream returns the body as a reader for a transport. It is called at most once, before
// any Read of the body. It returns nil, an empty stream, for a nil Body.
func (b *Body) Stream(limits Limits) *Stream {
	if b == nil {
		return nil
	}
	p := &Stream{limit: limits.Bytes, idle: limits.Idle, until: limits.Until}
	p.pipeReader, p.pipeWriter = io.Pipe()
	b.startPump(p)
	return p
}

// Read reads from the pipe. It returns an error at the size limit, so that the
// service never receives a complete request.
func (p *Stream) Read(to []byte) (int, error) {
	if p == nil {
		return 0, io.EOF
	}
	return p.pipeReader.Read(to)
}

// Close ends a blocked Read. The rest of the body is then discarded.
func (p *Stream) Close() error {
	if p == nil {
		return nil
	}
	return p.pipeReader.CloseWithError(errBodyInUse)
}

// Failure returns the error that ended the body early, or nil. If the request's context
// has ended, it closes the stream and waits for its goroutine, because net/http cancels
// the context before the goroutine has the error. A nil Stream has no failure.
func (p *Stream) Failure(ctx context.Context) error {
	if p == nil {
		return nil
	}
	if ctx.Err() != nil {
		_ = p.Close()
		<-p.done
	}
	return p.failure()
}

func (p *Stream) failure() error {
	if err := p.cause.Load(); err != nil {
		return *err
	}
	return nil
}

// interrupt ends the goroutine's read by a deadline in the past. The deadline stays,
// because nothing reads the connection afterwards. If the body ends at the same
// time, clearDeadline removes it.
func (p *Stream) interrupt() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.body.complete.Load() {
		return
	}
	p.interrupted = true
	_ = p.body.conn.SetReadDeadline(expiredDeadline()) // a connection without deadlines has no client
}

// setDeadline sets the deadline of the next read. It returns false after interrupt.
func (p *Stream) setDeadline() bool {
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
func (p *Stream) clearDeadline() {
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = p.body.conn.SetReadDeadline(time.Time{})
}

// shortenDeadline reduces the idle limit to drainIdleTimeout when the server drains.
func (p *Stream) shortenDeadline() {
	p.mu.Lock()
	defer p.mu.Unlock()
	unbounded := p.idle == 0 && p.pipeWriter != nil // the reader of the pipe has its own idle limit
	if p.finished || p.interrupted || p.body.complete.Load() || p.idle <= drainIdleTimeout && !unbounded {
		return
	}
	p.idle = drainIdleTimeout
	_ = p.body.conn.SetReadDeadline(time.Now().Add(drainIdleTimeout))
}

func (p *Stream) markFinished() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.finished = true
}

func (p *Stream) run() {
	defer close(p.done)
	defer p.markFinished()
	defer context.AfterFunc(p.body.handler.draining, p.shortenDeadline)()
	buffer := p.body.handler.buffers.Get()
	defer p.body.handler.buffers.Put(buffer)
	for p.setDeadline() {
		n, err := p.body.read(buffer[:])
		if p.limit > 0 && p.body.bytesRead.Load() > p.limit {
			p.setFailure(TooLarge(p.limit))
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
			p.setFailure(p.translate(err))
			return
		case p.discarded > drainBytes:
			return
		}
	}
}

// deliver writes a piece to the pipe, or discards it if the pipe has no reader.
func (p *Stream) deliver(piece []byte) {
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
func (p *Stream) setFailure(cause error) {
	p.cause.CompareAndSwap(nil, &cause)
	if p.pipeWriter != nil {
		_ = p.pipeWriter.CloseWithError(cause) // a pipe always closes
	}
}

// translate returns the error to answer for a failed read.
func (p *Stream) translate(cause error) error {
	if errors.Is(cause, os.ErrDeadlineExceeded) {
		limit := p.idle
		if limit <= 0 || !p.until.IsZero() && !time.Now().Before(p.until) {
			limit = p.until.Sub(p.body.startedAt).Round(time.Millisecond)
		}
		return domain.TimedOut("request body", limit, cause).WithOp("httpserver.body")
	}
	return readError(cause)
}
