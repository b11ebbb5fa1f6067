package sse

import (
	"sync"
	"time"

	"github.com/huleedu/edge/adapters/internal/clientconn"
	"github.com/huleedu/edge/adapters/internal/closecode"
	"github.com/huleedu/edge/app/delivery"
	"github.com/huleedu/edge/domain"
)

const (
	// flushTimeout bounds how long queued messages may delay the end of a stream.
	flushTimeout = 5 * time.Second
	// closeTimeout bounds the writing of the last event.
	closeTimeout = time.Second
)

// stream is the connection of a session: what the session and other goroutines ask of it
// reaches its own goroutine, run, which writes all events.
type stream struct {
	manager *Manager
	// session is set when the session is open, before the connection is known.
	session *delivery.Session
	expires time.Time           // of the token; zero: it does not expire
	next    chan delivery.Frame // the frame that the session has sent; it sends one at a time
	closed  chan struct{}       // closed when the stream must end after the current frame
	check   chan struct{}       // has an element when the client's host must be checked
	once    sync.Once           // closes closed
	conn    clientconn.Conn
}

var _ delivery.Checker = (*stream)(nil)

// newStream returns the connection of a session whose TCP connection is not known yet.
func newStream(m *Manager, caller domain.Caller) *stream {
	s := &stream{manager: m, next: make(chan delivery.Frame, 1), closed: make(chan struct{}), check: make(chan struct{}, 1)}
	if m.config.CloseOnTokenExpiry {
		s.expires = caller.Expires
	}
	return s
}

// TrySend lets the stream's goroutine write the frame.
func (s *stream) TrySend(f delivery.Frame) (sent bool) {
	s.next <- f // there is room: the session sends one frame at a time
	return false
}

// Closing counts the close code and limits the time for the queued messages.
func (s *stream) Closing(reason error) {
	s.conn.EndWithin(flushTimeout)
	if status := closecode.For(reason).Status; status != closecode.None {
		s.manager.observer.Observe(domain.CloseCodeObserved{Transport: domain.TransportSSE, Code: int(status)})
	}
}

// Close lets the stream's goroutine write the last event. A client that does not take the
// rest of the current frame in time gets none.
func (s *stream) Close(error) (sent bool) {
	s.once.Do(func() {
		s.conn.EndWithin(closeTimeout)
		close(s.closed)
	})
	return true
}

// Abort closes the connection.
func (s *stream) Abort() { s.conn.Close() }

// Check makes the stream's goroutine write a comment, and ends the stream unless the
// client's host acknowledges it soon.
func (s *stream) Check() {
	select {
	case s.check <- struct{}{}:
	default: // a check is due already
	}
}
