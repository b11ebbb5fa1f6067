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

// drainIdleTimeout is how long, once the server shuts down, a client may send nothing of a
// streamed body, and how long a body that its handler reads may still take in total.
const drainIdleTimeout = 5 * time.Second

// Stream reads a request's body on its own goroutine and passes it on through a pipe. Its
// reader can stop at any time without an interrupted read of the connection. The Body
// starts the goroutine, ends it and waits for it.
type Stream struct {
	body *Body
	// limit bounds the body, in bytes; 0 discards the body.
	limit int64
	// idle bounds how long the client may send nothing. With 0 only until counts, the
	// deadline of the whole body.
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

// StreamLimits bound a body that is sent on to a service.
type StreamLimits struct {
	// Bytes bounds its size.
	Bytes int64
	// Idle bounds how long the client may send nothing. With 0 only Until counts.
	Idle time.Duration
	// Until is the deadline of the whole body.
	Until time.Time
}

// Stream returns the body as a reader for a transport. It is called at most once, before
// any Read of the body. It returns nil, an empty stream, for a nil Body.
func (b *Body) Stream(limits StreamLimits) *Stream {
	if b == nil {
		return nil
	}
	s := &Stream{limit: limits.Bytes, idle: limits.Idle, until: limits.Until}
	s.pipeReader, s.pipeWriter = io.Pipe()
	b.start(s)
	return s
}

// Read reads from the pipe. It returns an error at the size limit, so that the
// service never receives a complete request.
func (s *Stream) Read(p []byte) (int, error) {
	if s == nil {
		return 0, io.EOF
	}
	return s.pipeReader.Read(p)
}

// Close ends a blocked Read. The rest of the body is then discarded.
func (s *Stream) Close() error {
	if s == nil {
		return nil
	}
	return s.pipeReader.CloseWithError(errBodyInUse)
}

// Failure returns the error that ended the body early, or nil. If the request's context
// has ended, it closes the stream and waits for its goroutine, because net/http cancels
// the context before the goroutine has the error. A nil Stream has no failure.
func (s *Stream) Failure(ctx context.Context) error {
	if s == nil {
		return nil
	}
	if ctx.Err() != nil {
		_ = s.Close()
		<-s.done
	}
	return s.failure()
}

func (s *Stream) failure() error {
	if err := s.cause.Load(); err != nil {
		return *err
	}
	return nil
}

// interrupt ends the goroutine's read by a deadline in the past. The deadline stays,
// because nothing reads the connection afterwards. If the body ends at the same
// time, clearDeadline removes it.
func (s *Stream) interrupt() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.body.complete.Load() {
		return
	}
	s.interrupted = true
	_ = s.body.conn.SetReadDeadline(expiredDeadline()) // a connection without deadlines has no client
}

// setDeadline sets the deadline of the next read. It returns false after interrupt.
func (s *Stream) setDeadline() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.interrupted {
		return false
	}
	end := s.until
	if s.idle > 0 {
		if next := time.Now().Add(s.idle); end.IsZero() || next.Before(end) {
			end = next
		}
	}
	_ = s.body.conn.SetReadDeadline(end)
	return true
}

// clearDeadline removes the deadline after the end of the body. net/http continues
// to read in order to detect a disconnect.
func (s *Stream) clearDeadline() {
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = s.body.conn.SetReadDeadline(time.Time{})
}

// shortenDeadline reduces the idle limit to drainIdleTimeout when the server drains.
func (s *Stream) shortenDeadline() {
	s.mu.Lock()
	defer s.mu.Unlock()
	unbounded := s.idle == 0 && s.pipeWriter != nil // the reader of the pipe has its own idle limit
	if s.finished || s.interrupted || s.body.complete.Load() || s.idle <= drainIdleTimeout && !unbounded {
		return
	}
	s.idle = drainIdleTimeout
	_ = s.body.conn.SetReadDeadline(time.Now().Add(drainIdleTimeout))
}

func (s *Stream) markFinished() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.finished = true
}

func (s *Stream) run() {
	defer close(s.done)
	defer s.markFinished()
	defer context.AfterFunc(s.body.middleware.draining, s.shortenDeadline)()
	buffer := s.body.middleware.buffers.Get()
	defer s.body.middleware.buffers.Put(buffer)
	for s.setDeadline() {
		n, err := s.body.read(buffer[:])
		if s.limit > 0 && s.body.bytesRead.Load() > s.limit {
			s.setFailure(TooLarge(s.limit))
		}
		s.deliver(buffer[:n])
		switch {
		case errors.Is(err, io.EOF):
			s.clearDeadline()
			if s.pipeWriter != nil {
				_ = s.pipeWriter.Close()
			}
			return
		case err != nil:
			s.setFailure(s.translate(err))
			return
		case s.discarded > drainBytes:
			return
		}
	}
}

// deliver writes a piece to the pipe, or discards it if the pipe has no reader.
func (s *Stream) deliver(piece []byte) {
	if s.pipeWriter != nil && s.failure() == nil {
		if _, err := s.pipeWriter.Write(piece); err == nil {
			return
		}
	}
	before := s.discarded
	s.discarded += int64(len(piece))
	if before <= headerDrainBytes && s.discarded > headerDrainBytes {
		close(s.drainLimitHit)
	}
}

// setFailure stores the first error that ended the body early.
func (s *Stream) setFailure(cause error) {
	s.cause.CompareAndSwap(nil, &cause)
	if s.pipeWriter != nil {
		_ = s.pipeWriter.CloseWithError(cause) // a pipe always closes
	}
}

// translate returns the error to answer for a failed read.
func (s *Stream) translate(cause error) error {
	if errors.Is(cause, os.ErrDeadlineExceeded) {
		limit := s.idle
		if limit <= 0 || !s.until.IsZero() && !time.Now().Before(s.until) {
			limit = s.until.Sub(s.body.startedAt).Round(time.Millisecond)
		}
		return domain.TimedOut("request body", limit, cause).WithOp("httpserver.body")
	}
	return readError(cause)
}
