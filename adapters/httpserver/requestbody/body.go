package requestbody

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// headerDrainBytes is the maximum size of the unread rest of a body that is read before the
	// answer's header. After a larger rest the answer closes the connection.
	headerDrainBytes = 64 << 10
	// headerDrainTime is the longest wait for the unread rest of a body before the answer's
	// header. After a longer wait the answer closes the connection.
	headerDrainTime = 100 * time.Millisecond
	// drainBytes is the maximum number of bytes that are read after an answer that announced the
	// close. A client that still sends when its connection is closed may lose the answer.
	drainBytes = 16 << 20
	// drainTime limits the reading after an answer that announced the close.
	drainTime = 10 * time.Second
	// shutdownDrainTime limits the reading after an answer that announced the close, while the
	// server stops.
	shutdownDrainTime = time.Second
	// WriteIdleTimeout is how long a client may read nothing of its answer.
	WriteIdleTimeout = 30 * time.Second
)

var errBodyInUse = errors.New("request body has another reader")

// expiredDeadline returns a deadline in the past, which ends a read at once.
func expiredDeadline() time.Time { return time.Unix(1, 0) }

// Body owns a request's body and the deadlines of its connection from before
// the first handler until after the last one. No other type reads the body. A
// handler reads it on its own goroutine or through Stream. When finish returns,
// either the body was read to its end, or the answer announced the close and the
// connection is closed. No goroutine reads the body after that.
type Body struct {
	source io.ReadCloser
	// conn controls net/http's own writer, which is not reused for another request.
	conn       *http.ResponseController
	middleware *Middleware
	// length is the Content-Length, negative if unknown.
	length          int64
	expectsContinue bool // the client waits for 100 Continue
	startedAt       time.Time

	bytesRead             atomic.Int64
	complete, readStarted atomic.Bool
	timedOut              atomic.Bool
	// stream is the goroutine that reads the body, nil while handlers read it.
	stream *Stream
	// chunked reports that the answer needs a final chunk.
	chunked, written, hijacked bool

	mu sync.Mutex
	// handlerReads reports that a handler reads the body itself. stopDrainWatch then stops
	// the wait for the server's drain.
	handlerReads   bool
	stopDrainWatch func() bool
}

// Of returns the owner of a request's body, nil for a request without a body.
func Of(r *http.Request) *Body {
	b, _ := r.Body.(*Body)
	return b
}

// TimedOut reports whether a read passed its deadline. net/http then cancels the request's
// context, as it does when the client disconnects. A nil Body has not timed out.
func (b *Body) TimedOut() bool { return b != nil && b.timedOut.Load() }

// Read reads on the handler's goroutine. It returns errBodyInUse after Stream.
func (b *Body) Read(p []byte) (int, error) {
	if b.stream != nil {
		return 0, errBodyInUse
	}
	if !b.readStarted.Load() {
		b.beginHandlerRead()
	}
	n, err := b.read(p)
	if err != nil {
		b.endHandlerRead()
	}
	return n, err
}

// beginHandlerRead sets the deadline of a body that its handler reads. The deadline
// becomes shorter when the server stops.
func (b *Body) beginHandlerRead() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.handlerReads = true
	_ = b.conn.SetReadDeadline(b.startedAt.Add(b.middleware.readTimeout)) // a connection without deadlines has no client
	b.stopDrainWatch = context.AfterFunc(b.middleware.draining, b.shortenDeadline)
}

// endHandlerRead ends what beginHandlerRead began. It clears the deadline after a complete
// body, because a deadline that passes later looks like a client that left.
func (b *Body) endHandlerRead() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.handlerReads {
		return
	}
	b.handlerReads = false
	b.stopDrainWatch()
	if b.complete.Load() {
		_ = b.conn.SetReadDeadline(time.Time{})
	}
}

// shortenDeadline shortens the deadline of a body that its handler reads while the server
// stops.
func (b *Body) shortenDeadline() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if end := time.Now().Add(drainIdleTimeout); b.handlerReads && end.Before(b.startedAt.Add(b.middleware.readTimeout)) {
		_ = b.conn.SetReadDeadline(end)
	}
}

func (b *Body) read(p []byte) (int, error) {
	b.readStarted.Store(true)
	n, err := b.source.Read(p)
	b.bytesRead.Add(int64(n))
	switch {
	case errors.Is(err, io.EOF):
		b.complete.Store(true)
	case errors.Is(err, os.ErrDeadlineExceeded):
		b.timedOut.Store(true)
	}
	return n, err
}

// Close does nothing. finish ends the body.
func (b *Body) Close() error { return nil }

// drainBeforeHeader waits up to headerDrainTime for the rest of the body, before the
// answer's header is written. It reports whether the body was read to its end. If
// not, the answer must announce the close.
func (b *Body) drainBeforeHeader() bool {
	switch {
	case b.complete.Load():
		return true
	case b.expectsContinue && !b.readStarted.Load(), b.length-b.bytesRead.Load() > headerDrainBytes:
		return false
	case b.stream == nil:
		b.start(&Stream{until: time.Now().Add(headerDrainTime)})
	}
	limit := time.NewTimer(headerDrainTime)
	defer limit.Stop()
	select {
	case <-b.stream.done:
	case <-b.stream.drainLimitHit:
	case <-limit.C:
	}
	return b.complete.Load()
}

// start starts the goroutine that reads the body.
func (b *Body) start(s *Stream) {
	b.endHandlerRead()
	s.body, s.done, s.drainLimitHit = b, make(chan struct{}), make(chan struct{})
	b.stream = s
	go s.run()
}

// stopStream ends the goroutine that reads the body, if there is one, and waits for it.
func (b *Body) stopStream() {
	if b.stream == nil {
		return
	}
	if b.stream.pipeReader != nil {
		_ = b.stream.pipeReader.CloseWithError(errBodyInUse) // a pipe always closes
	}
	b.stream.interrupt()
	<-b.stream.done
}

// finish ends the body after the last handler. returned is false if the handler
// panicked; net/http then closes the connection.
func (b *Body) finish(returned bool, r *http.Request) {
	b.endHandlerRead()
	b.stopStream()
	switch {
	case b.complete.Load() || b.hijacked:
	case !returned, r.ProtoMajor > 1, b.conn.Flush() != nil:
		_ = b.conn.SetReadDeadline(expiredDeadline()) // net/http reads what is left
	default:
		b.drain()
	}
}

// drain closes the connection after the answer, when the client has sent the rest of
// the body or a limit is reached. It reads the raw connection, because the body
// cannot be read after a framing error.
func (b *Body) drain() {
	b.middleware.drains.Add(1)
	defer b.middleware.drains.Done()
	conn, _, err := b.conn.Hijack()
	if err != nil {
		_ = b.conn.SetReadDeadline(expiredDeadline())
		return
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(drainTime))
	if b.chunked {
		_, _ = io.WriteString(conn, "0\r\n\r\n") // the client may be gone
	}
	if half, ok := conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
	stop := context.AfterFunc(b.middleware.draining, func() { _ = conn.SetDeadline(time.Now().Add(shutdownDrainTime)) })
	defer stop()
	_, _ = io.CopyN(io.Discard, conn, drainBytes)
}
