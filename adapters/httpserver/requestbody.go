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
	// settleBytes and settleTime bound what is read of an unread body before the
	// answer's header, so that its connection can be kept.
	settleBytes = 64 << 10
	settleTime  = 100 * time.Millisecond
	// drainBytes and drainTime bound what is read after an answer that announced
	// the close. A client whose connection is closed while it sends may lose the
	// answer.
	drainBytes = 16 << 20
	drainTime  = 10 * time.Second
	// lastDrain replaces drainTime while the server stops.
	lastDrain = time.Second
	// answerTime is how long a client may take nothing of its answer.
	answerTime = 30 * time.Second
)

var errBodyTaken = errors.New("request body has another reader")

// past is a deadline that ends a read at once.
func past() time.Time { return time.Unix(1, 0) }

// requestBody owns a request's body, and the deadlines of its connection, from
// before the first handler until after the last one. It is the only type that
// reads the body. Handlers read it on their own goroutine, or through stream. When
// the owner is finished, the body was read to its clean end, or the answer has
// announced the close and the connection is closed; nothing reads it any more.
type requestBody struct {
	source io.ReadCloser
	// conn belongs to net/http's own writer, which serves no other request.
	conn *http.ResponseController
	site *site
	// length is the announced one, negative if unknown.
	length  int64
	expects bool // the client sends nothing before it is told to
	began   time.Time

	taken          atomic.Int64
	clean, touched atomic.Bool
	// expired says that a read passed its deadline. net/http cancels the request's
	// context then, as for a client that left.
	expired atomic.Bool
	// pump is the goroutine that reads, nil while handlers read themselves.
	pump *bodyPump
	// chunked says that the answer has no length and needs an end mark.
	chunked, written, hijacked bool

	mu sync.Mutex
	// direct says that a handler reads the body itself; unhurry stops the wait for
	// the server's drain.
	direct  bool
	unhurry func() bool
}

// bodyOwner gives every request that has a body its owner.
type bodyOwner struct {
	site  *site
	inner http.Handler
}

// ServeHTTP answers as inner does.
func (o bodyOwner) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength == 0 {
		o.inner.ServeHTTP(w, r)
		return
	}
	b := &requestBody{
		source: r.Body, conn: http.NewResponseController(w), site: o.site, length: r.ContentLength,
		expects: r.Header.Get("Expect") != "", began: time.Now(),
	}
	// The body is ours to finish: net/http would wait for all of it.
	_ = b.conn.EnableFullDuplex() // HTTP/2 needs no permission
	r.Body = b
	returned := false
	defer func() { b.finish(returned, r) }()
	o.inner.ServeHTTP(&bodyWriter{ResponseWriter: w, body: b, request: r}, r)
	returned = true
}

// bodyOf is the owner of the request's body, nil if it has none.
func bodyOf(c *gin.Context) *requestBody {
	b, _ := c.Request.Body.(*requestBody)
	return b
}

// Read reads on the handler's goroutine.
func (b *requestBody) Read(p []byte) (int, error) {
	if b.pump != nil {
		return 0, errBodyTaken
	}
	if !b.touched.Load() {
		b.beginDirect()
	}
	n, err := b.read(p)
	if err != nil {
		b.endDirect()
	}
	return n, err
}

// beginDirect sets the deadline of a body that its handler reads. The deadline
// becomes shorter when the server stops.
func (b *requestBody) beginDirect() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.direct = true
	_ = b.conn.SetReadDeadline(b.began.Add(b.site.readTime)) // a connection without deadlines has no client
	b.unhurry = context.AfterFunc(b.site.draining, b.hurry)
}

// endDirect ends what beginDirect began. It clears the deadline behind a clean
// end: passed later, it would look like a client that left.
func (b *requestBody) endDirect() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.direct {
		return
	}
	b.direct = false
	b.unhurry()
	if b.clean.Load() {
		_ = b.conn.SetReadDeadline(time.Time{})
	}
}

// hurry shortens the deadline of a body that its handler reads while the server
// stops.
func (b *requestBody) hurry() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if end := time.Now().Add(drainIdle); b.direct && end.Before(b.began.Add(b.site.readTime)) {
		_ = b.conn.SetReadDeadline(end)
	}
}

func (b *requestBody) read(p []byte) (int, error) {
	b.touched.Store(true)
	n, err := b.source.Read(p)
	b.taken.Add(int64(n))
	switch {
	case errors.Is(err, io.EOF):
		b.clean.Store(true)
	case errors.Is(err, os.ErrDeadlineExceeded):
		b.expired.Store(true)
	}
	return n, err
}

// Close does nothing: the owner finishes the body.
func (b *requestBody) Close() error { return nil }

// settle prepares for the answer's header. It reports whether the body was read
// to its clean end, after a short wait for the rest of it; else the answer must
// announce the close.
func (b *requestBody) settle() bool {
	switch {
	case b.clean.Load():
		return true
	case b.expects && !b.touched.Load(), b.length-b.taken.Load() > settleBytes:
		return false
	case b.pump == nil:
		b.start(&bodyPump{until: time.Now().Add(settleTime)})
	}
	limit := time.NewTimer(settleTime)
	defer limit.Stop()
	select {
	case <-b.pump.ended:
	case <-b.pump.full:
	case <-limit.C:
	}
	return b.clean.Load()
}

// start begins to read on a goroutine.
func (b *requestBody) start(p *bodyPump) {
	b.endDirect()
	p.body, p.ended, p.full = b, make(chan struct{}), make(chan struct{})
	b.pump = p
	go p.run()
}

// stop ends the goroutine that reads, if there is one, and waits for it.
func (b *requestBody) stop() {
	if b.pump == nil {
		return
	}
	if b.pump.out != nil {
		_ = b.pump.out.CloseWithError(errBodyTaken) // a pipe always closes
	}
	b.pump.interrupt()
	<-b.pump.ended
}

// finish ends the body's life after the last handler. returned is false when that
// panicked, which cuts the connection.
func (b *requestBody) finish(returned bool, r *http.Request) {
	b.endDirect()
	b.stop()
	switch {
	case b.clean.Load() || b.hijacked:
	case !returned, r.ProtoMajor > 1, b.conn.Flush() != nil:
		_ = b.conn.SetReadDeadline(past()) // net/http reads what is left
	default:
		b.drain()
	}
}

// drain closes the connection behind the answer, once the client has sent the
// rest or the limits are reached. It reads the connection itself: behind a framing
// error there is no body to read.
func (b *requestBody) drain() {
	b.site.drains.Add(1)
	defer b.site.drains.Done()
	conn, _, err := b.conn.Hijack()
	if err != nil {
		_ = b.conn.SetReadDeadline(past())
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
	stop := context.AfterFunc(b.site.draining, func() { _ = conn.SetDeadline(time.Now().Add(lastDrain)) })
	defer stop()
	_, _ = io.CopyN(io.Discard, conn, drainBytes)
}
