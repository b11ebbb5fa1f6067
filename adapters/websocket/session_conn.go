package websocket

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"github.com/huleedu/edge/adapters/internal/closecode"
)

var (
	// errCloseTimeout ends the reading when the peer has not answered the close frame
	// in time.
	errCloseTimeout = errors.New("the peer has not answered the close frame")
	// errPingDue does not end the reading. It says that a ping must be sent.
	errPingDue = errors.New("a ping is due")
)

const (
	// writeTimeout bounds one write. A peer that accepts no data for this time is
	// unreachable.
	writeTimeout = 10 * time.Second
	// closeAnswerTimeout is how long the service waits for the answer to its close
	// frame.
	closeAnswerTimeout = 2 * time.Second
	// checkTimeout is how long a peer has to answer the ping of a check, and the
	// minimum time between two such pings.
	checkTimeout = 5 * time.Second
	// maxDiscard bounds, in bytes, what is read and discarded from a peer after the
	// close.
	maxDiscard = 8 << 20
)

// sessionConn is the net.Conn of a socket. It implements all time limits of the
// session by one read deadline, which is moved only after it has passed, so that
// traffic does not pay for it. The reading goroutine also sends the pings, because
// melody's writer would grow its stack for them and otherwise sleeps. Close does not
// close the socket at once: melody calls it directly after a close frame, which
// would cut off the peer's answer and reset the data before it.
type sessionConn struct {
	net.Conn
	socket       *socket
	idleTimeout  time.Duration
	pingInterval time.Duration  // between two pings; 0: none
	lastRead     time.Time      // when the last byte arrived; only the reader uses it
	frames       frameInspector // only the reader uses it
	readErr      error          // why a frame of the peer ends the reading; only the reader uses it
	// inflater is nil unless compression was negotiated. Only the reader uses it.
	inflater *inflater
	lastPing time.Time // only the reader uses it
	writer   directWriter

	mu            sync.Mutex
	pongDue       time.Time // when the next pong is due; zero: the reader has not started
	tokenExpiry   time.Time // zero: the token does not expire
	closeDeadline time.Time // when the closing must be complete; zero: the session is not closing
	checkedAt     time.Time // when the last check began; zero: there was none
	checkPending  bool      // the ping of that check must still be sent
	writeFailed   bool      // the peer cannot be reached
}

// Read returns the Status of the limit that has passed when nothing arrives in time,
// or of the violation by the client that the library does not detect, or answers with
// another status.
func (l *sessionConn) Read(p []byte) (int, error) {
	for {
		if l.inflater != nil {
			if n := l.inflater.read(p); n > 0 {
				return n, nil
			}
		}
		if l.readErr != nil {
			return 0, l.readErr
		}
		n, err := l.Conn.Read(p)
		if n > 0 {
			l.lastRead = time.Now()
			if fine := l.inspect(p[:n]); fine > 0 {
				return fine, nil // the frames before the invalid one are still processed
			}
			continue
		}
		if err == nil || !errors.Is(err, os.ErrDeadlineExceeded) {
			return 0, err
		}
		if err := l.updateDeadline(); errors.Is(err, errPingDue) {
			l.startCheck()
			l.socket.sendPing()
			l.lastPing = time.Now()
			_ = l.updateDeadline() // the next iteration finds a limit that has passed
		} else if err != nil {
			return 0, err
		}
	}
}

// inspect checks bytes that were read and returns how many of them the library may
// read as they are. With compression the result is 0: the inflater passes them on.
func (l *sessionConn) inspect(p []byte) (fine int) {
	fine, l.readErr = l.frames.inspect(p, l.lastRead)
	if l.inflater == nil {
		return fine
	}
	if err := l.inflater.write(p[:fine]); err != nil {
		l.readErr = err
	}
	return 0
}

// startCheck starts the time limit of a requested check. It is called directly
// before a ping is sent.
func (l *sessionConn) startCheck() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.checkPending {
		l.checkPending, l.checkedAt = false, time.Now()
	}
}

// extendToken replaces the time at which the token expires. Only the reader calls
// it.
func (l *sessionConn) extendToken(expires time.Time) {
	l.mu.Lock()
	l.tokenExpiry = expires
	l.mu.Unlock()
	_ = l.updateDeadline() // the next Read finds a limit that has passed
}

// updateDeadline sets the read deadline to the earliest limit. If a limit has
// passed, it returns the limit's error and does not change the deadline.
func (l *sessionConn) updateDeadline() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	due, cause := l.pongDue, error(closecode.PeerTimeout)
	earlier := func(t time.Time, why error) {
		if !t.IsZero() && (due.IsZero() || t.Before(due)) {
			due, cause = t, why
		}
	}
	earlier(l.lastRead.Add(l.idleTimeout), closecode.PeerTimeout)
	switch {
	case l.checkPending:
		return errPingDue
	case l.lastRead.Before(l.checkedAt):
		earlier(l.checkedAt.Add(checkTimeout), closecode.PeerTimeout)
	}
	if l.pingInterval > 0 {
		earlier(l.lastPing.Add(l.pingInterval), errPingDue)
	}
	earlier(l.tokenExpiry, closecode.Unauthenticated)
	earlier(l.closeDeadline, errCloseTimeout)
	if !time.Now().Before(due) {
		return cause
	}
	return l.Conn.SetReadDeadline(due)
}

// requestCheck makes the reader ping the peer now, and end the reading with
// closecode.PeerTimeout when nothing arrives within checkTimeout. It does nothing while a
// check is in progress, before the reader has started, and once the session is
// closing.
func (l *sessionConn) requestCheck(now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.pongDue.IsZero() || !l.closeDeadline.IsZero() || !l.checkedAt.IsZero() && now.Sub(l.checkedAt) < checkTimeout {
		return
	}
	l.checkedAt, l.checkPending = now, true
	_ = l.Conn.SetReadDeadline(now) // wakes the reader; fails only when the socket is closed
}

// SetReadDeadline sets when the next pong is due. Only melody calls it.
func (l *sessionConn) SetReadDeadline(t time.Time) error {
	l.mu.Lock()
	first := l.pongDue.IsZero()
	l.pongDue = t
	l.mu.Unlock()
	if !first {
		return nil
	}
	l.lastRead = time.Now()
	l.lastPing = l.lastRead
	// The first Read finds a limit that has passed.
	if err := l.updateDeadline(); err != nil {
		return l.Conn.SetReadDeadline(time.Now())
	}
	return nil
}

// SetDeadline does nothing. gorilla calls it to clear the deadlines of the HTTP
// server, which the server has cleared itself.
func (*sessionConn) SetDeadline(time.Time) error { return nil }

// Write sends a frame of the library's. After an error Close closes the socket at
// once.
func (l *sessionConn) Write(p []byte) (int, error) {
	n, err := l.writer.write(l.Conn, p)
	if err != nil {
		l.mu.Lock()
		l.writeFailed = true
		l.mu.Unlock()
	}
	return n, err
}

// setConn sets the socket. Before that setCloseDeadline only stores its time.
func (l *sessionConn) setConn(conn net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.Conn = conn
}

// setCloseDeadline ends the reading at t at the latest.
func (l *sessionConn) setCloseDeadline(t time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closeDeadline = t
	if l.Conn != nil {
		_ = l.Conn.SetReadDeadline(t) // fails only when the socket is closed
	}
}

// Close gives the peer closeAnswerTimeout to answer the close frame, unless a write
// has failed. The session calls closeSocket when the reading has ended.
func (l *sessionConn) Close() error {
	l.mu.Lock()
	broken, closing := l.writeFailed, !l.closeDeadline.IsZero()
	l.mu.Unlock()
	if broken {
		return l.closeSocket()
	}
	if !closing {
		l.setCloseDeadline(time.Now().Add(closeAnswerTimeout))
	}
	return nil
}

// discardInput closes the sending direction and reads until the peer has closed, so
// that a reset does not destroy data that the peer has not read yet.
func (l *sessionConn) discardInput() {
	if half, ok := l.Conn.(interface{ CloseWrite() error }); ok && half.CloseWrite() != nil {
		return
	}
	if l.Conn.SetReadDeadline(time.Now().Add(closeAnswerTimeout)) == nil {
		_, _ = io.CopyN(io.Discard, l.Conn, maxDiscard) // any end will do
	}
}

// closeSocket closes the socket.
func (l *sessionConn) closeSocket() error { return l.Conn.Close() }
