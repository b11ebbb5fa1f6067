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

// pumpBuffer is what one exchange holds of a body at a time, in bytes.
const pumpBuffer = 32 << 10

// drainIdleTimeout is how long the client of a draining server may be silent.
const drainIdleTimeout = 5 * time.Second

// bodyPump reads a request's body on a goroutine of its own, so that the taker of
// the body can stop at any time and no read of the connection is interrupted.
// The owner of the body starts it, ends it and waits for it.
type bodyPump struct {
	body *requestBody
	// limit bounds the body, in bytes; 0: it is thrown away.
	limit int64
	// idle is how long the client may send nothing, 0: as long as until allows;
	// until is when the body must be there.
	idle  time.Duration
	until time.Time
	// pipeWriter and out are the pipe to the taker of the body; nil without one.
	pipeWriter  *io.PipeWriter
	pipeReader *io.PipeReader

	// done is closed when the goroutine has ended, full when more was thrown
	// away than the answer's header waits for.
	done, drainLimitHit chan struct{}
	cause       atomic.Pointer[error]

	mu sync.Mutex
	// interrupted says that nothing is read any more, over that the goroutine has
	// ended.
	interrupted, finished bool
	discarded           int64
}

// streamLimits bound a body that is passed on.
type streamLimits struct {
	bytes int64
	idle  time.Duration
	until time.Time
}

// stream hands the body to a taker that sends it on. Closing the result ends a Read
// that waits; the rest of the body is thrown away then.
func (b *requestBody) stream(limits streamLimits) *bodyPump {
	p := &bodyPump{limit: limits.bytes, idle: limits.idle, until: limits.until}
	p.pipeReader, p.pipeWriter = io.Pipe()
	b.startPump(p)
	return p
}

// Read takes a piece of the body. It ends with an error where the limit is
// passed, so that the service never has a whole request.
func (p *bodyPump) Read(to []byte) (int, error) { return p.pipeReader.Read(to) }

// Close ends a Read that waits.
func (p *bodyPump) Close() error { return p.pipeReader.CloseWithError(errBodyInUse) }

// failure is what ended the body before its clean end, nil while nothing has. It
// is fine on nil.
func (p *bodyPump) failure() error {
	if p == nil {
		return nil
	}
	if err := p.cause.Load(); err != nil {
		return *err
	}
	return nil
}

// interrupt ends the goroutine's read. The deadline stays: nothing reads the
// connection afterwards, or the body was read to its end, and then it was
// interrupted too late and the deadline is taken back.
func (p *bodyPump) interrupt() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.body.complete.Load() {
		return
	}
	p.interrupted = true
	_ = p.body.conn.SetReadDeadline(expiredDeadline()) // a connection without deadlines has no client
}

// setDeadline sets the deadline of the next read. It reports whether there is one.
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

// clearDeadline takes the deadline back after the clean end: net/http goes on reading to
// see whether the client leaves.
func (p *bodyPump) clearDeadline() {
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = p.body.conn.SetReadDeadline(time.Time{})
}

// shortenDeadline leaves the client of a draining server less time to be silent.
func (p *bodyPump) shortenDeadline() {
	p.mu.Lock()
	defer p.mu.Unlock()
	unbounded := p.idle == 0 && p.pipeWriter != nil // the taker has a limit of its own
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

// deliver hands a piece to the taker, or throws it away without one.
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

// setFailure remembers the first reason why the body did not come to its end.
func (p *bodyPump) setFailure(cause error) {
	p.cause.CompareAndSwap(nil, &cause)
	if p.pipeWriter != nil {
		_ = p.pipeWriter.CloseWithError(cause) // a pipe always closes
	}
}

// readError says why a body could not be read.
func (p *bodyPump) readError(cause error) error {
	if errors.Is(cause, os.ErrDeadlineExceeded) {
		limit := p.idle
		if limit <= 0 || !p.until.IsZero() && !time.Now().Before(p.until) {
			limit = p.until.Sub(p.body.startedAt).Round(time.Millisecond)
		}
		return domain.TimedOut("request body", limit, cause).At("httpserver.body")
	}
	return bodyReadError(cause)
}

// bufferPool are what bodies pass through, shared by all requests.
type bufferPool struct{ pool sync.Pool }

func (b *bufferPool) get() *[pumpBuffer]byte {
	if buffer, ok := b.pool.Get().(*[pumpBuffer]byte); ok {
		return buffer
	}
	return new([pumpBuffer]byte)
}

func (b *bufferPool) put(buffer *[pumpBuffer]byte) { b.pool.Put(buffer) }
