package transport

import (
	"errors"
	"io"
	"net/http"
	"sync/atomic"
	"time"
)

// maxInlineBody is the largest body in memory, in bytes, that is written before the response is
// read: it fits into the socket buffer.
const maxInlineBody = 16 << 10

// sendTimeout bounds the wait for the rest of a request whose body was read to its end,
// after the response was received.
const sendTimeout = 100 * time.Millisecond

// sender writes one request to a connection. A request with a body that is not in memory or not
// small is written on a goroutine, which ends when the body and the connection are closed. It is always awaited.
type sender struct {
	conn     *conn
	watchdog *watchdog
	// onBodyRead, unless nil, is called when the request's body was read to its end.
	onBodyRead func()
	// body is nil for a request that is not written on a goroutine.
	body *requestBody
	// replayable means that the body is in memory, so that reading it does not wait.
	replayable bool
	// done is closed when the goroutine has ended, nil if there is none.
	done chan struct{}
	// err is the error of the write. It is valid once done is closed.
	err error
}

// requestBody wraps a request's body while it is sent.
type requestBody struct {
	io.ReadCloser
	watchdog *watchdog
	// onEnd, unless nil, is called at its end.
	onEnd func()
	// atEOF means that all of it was read.
	atEOF atomic.Bool
	// readError is the error of a failed read, nil if there was none.
	readError atomic.Pointer[error]
}

// Read reads the body and reports the wait to the watchdog.
func (b *requestBody) Read(p []byte) (int, error) {
	b.watchdog.begin(&b.watchdog.body)
	n, err := b.ReadCloser.Read(p)
	b.watchdog.end(&b.watchdog.body)
	switch {
	case errors.Is(err, io.EOF):
		b.atEOF.Store(true)
		if b.onEnd != nil {
			b.onEnd()
		}
	case err != nil:
		b.readError.Store(&err)
	}
	return n, err
}

// hasNoBody reports whether the request has no body.
func hasNoBody(r *http.Request) bool { return r.Body == nil || r.Body == http.NoBody }

// send writes a request without a body or with a small body in memory, or starts to write one
// with another body.
func (s *sender) send(req *http.Request) {
	inline := hasNoBody(req) || req.GetBody != nil && req.ContentLength <= maxInlineBody
	s.watchdog.start(inline)
	if inline {
		s.err = s.write(req)
		if s.onBodyRead != nil {
			s.onBodyRead()
		}
		return
	}
	s.body = &requestBody{ReadCloser: req.Body, watchdog: s.watchdog, onEnd: s.onBodyRead}
	s.replayable = req.GetBody != nil
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

// write sends the whole request. After a failed write the connection stays open, because
// the service may have responded before it closed. After a failed read of the body it is
// closed.
func (s *sender) write(req *http.Request) error {
	out := s.conn.writer
	out.Reset(s)
	defer out.Reset(nil)
	err := req.Write(out)
	if err == nil {
		err = out.Flush()
	}
	switch {
	case s.body != nil && s.body.readError.Load() != nil:
		s.conn.abandon() // the service must not accept a truncated body
	case err != nil:
		s.watchdog.awaitHeader(s.watchdog.headerTimeout, lateResponseTimeout)
	case s.body != nil:
		s.watchdog.awaitHeader(s.watchdog.headerTimeout, s.watchdog.headerTimeout)
	}
	return err
}

// abort closes the connection and the body, and waits until the writer has ended.
func (s *sender) abort() {
	s.conn.abandon()
	if s.done == nil {
		return
	}
	_ = s.body.Close() // it is closed once more where it is written
	<-s.done
}

// complete reports whether the whole request was written. It waits up to sendTimeout for
// the last part, which may be in progress when the response arrives.
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

// bodyFailure returns the error of the request's body, nil if there was none.
func (s *sender) bodyFailure() error {
	if s.body == nil {
		return nil
	}
	if failed := s.body.readError.Load(); failed != nil {
		return *failed
	}
	return nil
}

// bodyPending reports whether the request's body, which is not in memory, was not read to its
// end.
func (s *sender) bodyPending() bool {
	return s.body != nil && !s.replayable && !s.body.atEOF.Load()
}

// Write writes to the connection and reports the wait to the watchdog.
func (s *sender) Write(p []byte) (int, error) {
	s.watchdog.begin(&s.watchdog.write)
	n, err := s.conn.Write(p)
	s.watchdog.end(&s.watchdog.write)
	return n, err
}
