package httpserver

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gin-gonic/gin"
)

const (
	// headerDrainBytes and headerDrainTime bound what is read of an unread body before
	// the answer's header. A body that ends within them keeps its connection.
	headerDrainBytes = 64 << 10
	headerDrainTime  = 100 * time.Millisecond
	// drainBytes and drainTime bound what is read after an answer that announced the
	// close. A client that still sends when its connection is closed may lose the
	// answer.
	drainBytes = 16 << 20
	drainTime  = 10 * time.Second
	// shutdownDrainTime replaces drainTime while the server stops.
	shutdownDrainTime = time.Second
	// writeIdleTimeout bounds how long a client may read nothing of its answer.
	writeIdleTimeout = 30 * time.Second
)

var errBodyInUse = errors.New("request body has another reader")

// expiredDeadline returns a deadline in the past, which ends a read at once.
func expiredDeadline() time.Time { return time.Unix(1, 0) }

// requestBody owns a request's body and the deadlines of its connection from before
// the first handler until after the last one. No other type reads the body. A
// handler reads it on its own goroutine or through stream. When finish returns,
// either the body was read to its end, or the answer announced the close and the
// connection is closed. No goroutine reads the body after that.
type requestBody struct {
	source io.ReadCloser
	// conn controls net/http's own writer, which is not reused for another request.
	conn   *http.ResponseController
	router *router
	// length is the Content-Length, negative if unknown.
	length          int64
	expectsContinue bool // the client waits for 100 Continue
	startedAt       time.Time

	bytesRead             atomic.Int64
	complete, readStarted atomic.Bool
	// timedOut reports that a read passed its deadline. net/http then cancels the
	// request's context, as it does when the client disconnects.
	timedOut atomic.Bool
	// pump is the goroutine that reads the body, nil while handlers read it.
	pump *bodyPump
	// chunked reports that the answer needs a final chunk.
	chunked, written, hijacked bool

	mu sync.Mutex
	// handlerReads says that a handler reads the body itself; unhurry stops the wait for
	// the server's drain.
	handlerReads   bool
	stopDrainWatch func() bool
}

// bodyOwner is the middleware that wraps the body of a request in a requestBody.
type bodyOwner struct {
	router *router
	inner  http.Handler
}

// ServeHTTP calls inner.
func (o bodyOwner) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength == 0 {
		o.inner.ServeHTTP(w, r)
		return
	}
	b := &requestBody{
		source: r.Body, conn: http.NewResponseController(w), router: o.router, length: r.ContentLength,
		expectsContinue: r.Header.Get("Expect") != "", startedAt: time.Now(),
	}
	// Without full duplex, net/http reads the whole body before it writes the header.
	_ = b.conn.EnableFullDuplex() // HTTP/2 needs no permission
	r.Body = b
	returned := false
	defer func() { b.finish(returned, r) }()
	o.inner.ServeHTTP(&bodyWriter{ResponseWriter: w, body: b, request: r}, r)
	returned = true
}

// bodyOf returns the owner of the request's body, nil for a request without a body.
func bodyOf(c *gin.Context) *requestBody {
	b, _ := c.Request.Body.(*requestBody)
	return b
}

// Read reads on the handler's goroutine. It returns errBodyInUse after stream.
func (b *requestBody) Read(p []byte) (int, error) {
	if b.pump != nil {
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
func (b *requestBody) beginHandlerRead() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.handlerReads = true
	_ = b.conn.SetReadDeadline(b.startedAt.Add(b.router.readTimeout)) // a connection without deadlines has no client
	b.stopDrainWatch = context.AfterFunc(b.router.draining, b.shortenDeadline)
}

// endHandlerRead ends what beginDirect began. It clears the deadline behind a clean
// end: passed later, it would look like a client that left.
func (b *requestBody) endHandlerRead() {
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
func (b *requestBody) shortenDeadline() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if end := time.Now().Add(drainIdleTimeout); b.handlerReads && end.Before(b.startedAt.Add(b.router.readTimeout)) {
		_ = b.conn.SetReadDeadline(end)
	}
}

func (b *requestBody) read(p []byte) (int, error) {
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
func (b *requestBody) Close() error { return nil }

// drainBeforeHeader waits up to headerDrainTime for the rest of the body, before the
// answer's header is written. It reports whether the body was read to its end. If
// not, the answer must announce the close.
func (b *requestBody) drainBeforeHeader() bool {
	switch {
	case b.complete.Load():
		return true
	case b.expectsContinue && !b.readStarted.Load(), b.length-b.bytesRead.Load() > headerDrainBytes:
		return false
	case b.pump == nil:
		b.startPump(&bodyPump{until: time.Now().Add(headerDrainTime)})
	}
	limit := time.NewTimer(headerDrainTime)
	defer limit.Stop()
	select {
	case <-b.pump.done:
	case <-b.pump.drainLimitHit:
	case <-limit.C:
	}
	return b.complete.Load()
}

// startPump starts the goroutine that reads the body.
func (b *requestBody) startPump(p *bodyPump) {
	b.endHandlerRead()
	p.body, p.done, p.drainLimitHit = b, make(chan struct{}), make(chan struct{})
	b.pump = p
	go p.run()
}

// stopPump ends the goroutine that reads the body, if there is one, and waits for it.
func (b *requestBody) stopPump() {
	if b.pump == nil {
		return
	}
	if b.pump.pipeReader != nil {
		_ = b.pump.pipeReader.CloseWithError(errBodyInUse) // a pipe always closes
	}
	b.pump.interrupt()
	<-b.pump.done
}

// finish ends the body after the last handler. returned is false if the handler
// panicked; net/http then closes the connection.
func (b *requestBody) finish(returned bool, r *http.Request) {
	b.endHandlerRead()
	b.stopPump()
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
func (b *requestBody) drain() {
	b.router.activeDrains.Add(1)
	defer b.router.activeDrains.Done()
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
	stop := context.AfterFunc(b.router.draining, func() { _ = conn.SetDeadline(time.Now().Add(shutdownDrainTime)) })
	defer stop()
	_, _ = io.CopyN(io.Discard, conn, drainBytes)
}
