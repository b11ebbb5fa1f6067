package sse

import (
	"net"
	"sync"
	"time"

	"github.com/huleedu/edge/adapters/internal/closecode"
	"github.com/huleedu/edge/app/delivery"
	"github.com/huleedu/edge/domain"
)

const (
	// writeTimeout bounds one write. A client that accepts no data for this time has
	// stalled.
	writeTimeout = 10 * time.Second
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
	broken  bool                // nothing more must be written; only run's goroutine uses it

	mu     sync.Mutex
	conn   net.Conn
	endsBy time.Time // when the last write must be complete; zero: the session is not closing
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
	s.endWithin(flushTimeout)
	if status := closecode.For(reason).Status; status != closecode.None {
		s.manager.observer.Observe(domain.CloseCodeObserved{Transport: domain.TransportSSE, Code: int(status)})
	}
}

// Close lets the stream's goroutine write the last event. A client that does not take the
// rest of the current frame in time gets none.
func (s *stream) Close(error) (sent bool) {
	s.once.Do(func() {
		s.endWithin(closeTimeout)
		close(s.closed)
	})
	return true
}

// Abort closes the connection.
func (s *stream) Abort() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn != nil {
		_ = s.conn.Close()
	}
}

// Check makes the stream's goroutine write a comment, and ends the stream unless the
// client's host acknowledges it soon.
func (s *stream) Check() {
	select {
	case s.check <- struct{}{}:
	default: // a check is due already
	}
}

// setConn sets the connection. Before that, endWithin only stores its time.
func (s *stream) setConn(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conn = conn
}

// endWithin bounds all writes from now on, including the one in progress.
func (s *stream) endWithin(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.endsBy = time.Now().Add(d)
	if s.conn != nil {
		_ = s.conn.SetWriteDeadline(s.endsBy) // fails only when the connection is closed
	}
}

// write writes to the client. It blocks for writeTimeout at most, and less when the
// session is closing. After an error nothing more must be written, because the client has
// a part of an event.
func (s *stream) write(p []byte) error {
	s.mu.Lock()
	if s.endsBy.IsZero() {
		_ = s.conn.SetWriteDeadline(time.Now().Add(writeTimeout)) // the write gets the error
	} else {
		_ = s.conn.SetWriteDeadline(s.endsBy)
	}
	s.mu.Unlock()
	_, err := s.conn.Write(p)
	s.broken = err != nil
	return err
}
