package httpclient

import (
	"bufio"
	"errors"
	"io"
	"net/http"
	"sync/atomic"
	"time"
)

// sendWait is how long an answered exchange waits until the rest of its request,
// which was read to its end, is written.
const sendWait = 100 * time.Millisecond

// sender writes one request on a connection. A request with a body is written on
// a goroutine of its own, which ends when the body is closed and the connection
// is closed, and is always awaited.
type sender struct {
	conn  *line
	clock *watchdog
	// ended is called when the request's body was read to its end.
	ended func()
	// body is nil for a request without one.
	body *sentBody
	// done is closed when the writing has ended; nil without a body.
	done chan struct{}
	// err is why not all was written. It is valid once done is closed.
	err error
}

// sentBody is a request's body while it is sent.
type sentBody struct {
	io.ReadCloser
	clock *watchdog
	end   func()
	// ended says that all of it was read.
	ended atomic.Bool
	// failed is why it could not be read, nil while it could.
	failed atomic.Pointer[error]
}

// Read reads the body and tells the watchdog how long that takes.
func (b *sentBody) Read(p []byte) (int, error) {
	b.clock.wait(&b.clock.body)
	n, err := b.ReadCloser.Read(p)
	b.clock.moved(&b.clock.body)
	switch {
	case errors.Is(err, io.EOF):
		b.ended.Store(true)
		b.end()
	case err != nil:
		b.failed.Store(&err)
	}
	return n, err
}

// bare requests have no body.
func bare(r *http.Request) bool { return r.Body == nil || r.Body == http.NoBody }

// send writes a request without a body, or begins to write one with a body.
func (s *sender) send(req *http.Request) {
	s.clock.start(bare(req))
	if bare(req) {
		s.err = s.write(req)
		return
	}
	s.body = &sentBody{ReadCloser: req.Body, clock: s.clock, end: s.ended}
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
	out := bufio.NewWriter(clockedWriter{s.conn.conn, s.clock})
	err := req.Write(out)
	if err == nil {
		err = out.Flush()
	}
	switch {
	case s.body != nil && s.body.failed.Load() != nil:
		_ = s.conn.conn.Close() // the service must not take a part for the whole
	case err != nil:
		s.clock.expect(s.clock.header, lateAnswer)
	case s.body != nil:
		s.clock.expect(s.clock.header, s.clock.header)
	}
	return err
}

// cut closes the connection and the body, and waits until the writing has
// ended.
func (s *sender) cut() {
	_ = s.conn.conn.Close() // what was to be told of it was told
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
	if s.body.ended.Load() {
		limit := time.NewTimer(sendWait)
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
	if failed := s.body.failed.Load(); failed != nil {
		return *failed
	}
	return nil
}

// clockedWriter tells the watchdog how long the service takes nothing.
type clockedWriter struct {
	to    io.Writer
	clock *watchdog
}

func (w clockedWriter) Write(p []byte) (int, error) {
	w.clock.wait(&w.clock.write)
	n, err := w.to.Write(p)
	w.clock.moved(&w.clock.write)
	return n, err
}
