package httpclient

import (
	"bufio"
	"errors"
	"io"
	"net/http"
	"sync/atomic"
	"time"
)

// sendTimeout is how long an answered exchange waits until the rest of its request,
// which was read to its end, is written.
const sendTimeout = 100 * time.Millisecond

// sender writes one request on a connection. A request with a body is written on
// a goroutine of its own, which ends when the body is closed and the connection
// is closed, and is always awaited.
type sender struct {
	conn     *conn
	watchdog *watchdog
	// onBodyRead is called when the request's body was read to its end.
	onBodyRead func()
	// body is nil for a request without one.
	body *requestBody
	// done is closed when the writing has ended; nil without a body.
	done chan struct{}
	// err is why not all was written. It is valid once done is closed.
	err error
}

// requestBody is a request's body while it is sent.
type requestBody struct {
	io.ReadCloser
	watchdog *watchdog
	onEnd    func()
	// atEOF says that all of it was read.
	atEOF atomic.Bool
	// readError is why it could not be read, nil while it could.
	readError atomic.Pointer[error]
}

// Read reads the body and tells the watchdog how long that takes.
func (b *requestBody) Read(p []byte) (int, error) {
	b.watchdog.begin(&b.watchdog.body)
	n, err := b.ReadCloser.Read(p)
	b.watchdog.end(&b.watchdog.body)
	switch {
	case errors.Is(err, io.EOF):
		b.atEOF.Store(true)
		b.onEnd()
	case err != nil:
		b.readError.Store(&err)
	}
	return n, err
}

// hasNoBody requests have no body.
func hasNoBody(r *http.Request) bool { return r.Body == nil || r.Body == http.NoBody }

// send writes a request without a body, or begins to write one with a body.
func (s *sender) send(req *http.Request) {
	s.watchdog.start(hasNoBody(req))
	if hasNoBody(req) {
		s.err = s.write(req)
		return
	}
	s.body = &requestBody{ReadCloser: req.Body, watchdog: s.watchdog, onEnd: s.onBodyRead}
	out := *req
	out.Body = s.body
	if out.ContentLength <= 0 { // unknown; net/http would try to read one byte first
		out.ContentLength, out.TransferEncoding = -1, []string{"chunked"}
	}
	s.done = make(chan struct{})
	go func() {
		defer close(s.done)
		s.err = s.write(&out)
	}()
}

// write sends the request to its end. After a failure that is not the body's,
// the connection stays open: the service may have answered before it closed.
func (s *sender) write(req *http.Request) error {
	out := bufio.NewWriter(watchedWriter{s.conn.socket, s.watchdog})
	err := req.Write(out)
	if err == nil {
		err = out.Flush()
	}
	switch {
	case s.body != nil && s.body.readError.Load() != nil:
		_ = s.conn.socket.Close() // the service must not take a part for the whole
	case err != nil:
		s.watchdog.awaitHeader(s.watchdog.headerTimeout, lateResponseTimeout)
	case s.body != nil:
		s.watchdog.awaitHeader(s.watchdog.headerTimeout, s.watchdog.headerTimeout)
	}
	return err
}

// abort closes the connection and the body, and waits until the writing has
// ended.
func (s *sender) abort() {
	_ = s.conn.socket.Close() // what was to be told of it was told
	if s.done == nil {
		return
	}
	_ = s.body.Close() // it is closed once more where it is written
	<-s.done
}

// complete reports whether all of the request was written. The last of it may
// still be on its way when the answer is there.
func (s *sender) complete() bool {
	if s.done == nil {
		return s.err == nil
	}
	if s.body.atEOF.Load() {
		limit := time.NewTimer(sendTimeout)
		defer limit.Stop()
		select {
		case <-s.done:
		case <-limit.C:
		}
	}
	select {
	case <-s.done:
		return s.err == nil
	default:
		return false
	}
}

// bodyFailure is why the request's body could not be read, nil if it could.
func (s *sender) bodyFailure() error {
	if s.body == nil {
		return nil
	}
	if failed := s.body.readError.Load(); failed != nil {
		return *failed
	}
	return nil
}

// watchedWriter tells the watchdog how long the service takes nothing.
type watchedWriter struct {
	writer   io.Writer
	watchdog *watchdog
}

func (w watchedWriter) Write(p []byte) (int, error) {
	w.watchdog.begin(&w.watchdog.write)
	n, err := w.writer.Write(p)
	w.watchdog.end(&w.watchdog.write)
	return n, err
}
