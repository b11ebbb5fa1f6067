package websocket

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// Why reading ended, when it was a limit of ours.
var (
	errPeerTimeout  = errors.New("no sign of life")
	errTokenExpired = errors.New("token has expired")
	errRateLimit    = errors.New("more frames than are allowed")
	errCloseTimeout = errors.New("the limit of the closing has passed")
	// errInvalidFrame, errBadReason and errTooLarge are faults of a client's frames
	// that the library would not find, or would answer with another status.
	errInvalidFrame  = errors.New("a broken frame")
	errInvalidReason = errors.New("a close frame whose reason is not UTF-8")
	errMessageTooBig = errors.New("a compressed message that is too large")
	// errPingDue ends no reading: it is time for a ping.
	errPingDue = errors.New("a ping is due")
)

const (
	// writeTimeout bounds one write; a peer that takes nothing for so long is gone.
	writeTimeout = 10 * time.Second
	// deadlineSlack is how stale a write deadline may be: setting one costs as much
	// as a seventh of a write.
	deadlineSlack = time.Second
	// closeAnswerTimeout is how long a peer may take to answer our close.
	closeAnswerTimeout = 2 * time.Second
	// checkTimeout is how long a peer may take to answer a ping that checks whether
	// it is still there, and the least time between two such pings.
	checkTimeout = 5 * time.Second
	// pingSlots is how many moments of a ping interval pings go out at: those that
	// are due between two go with the earlier, because waking an idle process costs
	// more than a ping.
	pingSlots = 300
	// maxDiscard bounds what is still read of a peer that was told to go while
	// it was talking.
	maxDiscard = 8 << 20
)

// sessionConn is the net.Conn of a session. All of the session's time limits are its
// one read deadline, which is moved only when it has run out, so that traffic
// costs nothing. Its reader also sends the pings: melody's writer would grow its
// stack for them, and a quiet session's writer is never woken. Its Close is soft, because melody closes at once after a close
// frame, which would cut off the peer's answer and reset the data before it.
type sessionConn struct {
	net.Conn
	session       *session
	idleTimeout   time.Duration
	pingInterval  time.Duration  // between two pings; 0: none
	writeDeadline time.Time      // the write deadline; guarded by gorilla's own write lock
	lastRead      time.Time      // the last byte; only the reader knows
	frames        frameInspector // the reader's as well
	readErr       error          // why a frame of the peer ends the reading; likewise
	// inflater is nil unless compression was agreed on; likewise
	inflater *inflater
	lastPing time.Time // the last ping; likewise
	writer   directWriter

	mu            sync.Mutex
	pongDue       time.Time // the next pong is due
	tokenExpiry   time.Time // the token is good until then; zero: for ever
	closeDeadline time.Time // the closing must be over
	checkedAt     time.Time // the peer's last check began; zero: there was none
	checkPending  bool      // the ping of that check is still to be sent
	writeFailed   bool      // a write failed: there is nothing to wait for
}

// Read reports which limit has passed, if that is why nothing came.
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
				return fine, nil // the frames before the one too many still count
			}
			continue
		}
		if err == nil || !errors.Is(err, os.ErrDeadlineExceeded) {
			return 0, err
		}
		if err := l.updateDeadline(); errors.Is(err, errPingDue) {
			l.startCheck()
			l.session.sendPing()
			l.lastPing = time.Now()
			_ = l.updateDeadline() // what is due shows in the next round
		} else if err != nil {
			return 0, err
		}
	}
}

// inspect looks at bytes that came and returns how many may pass as they are. Where
// compression was agreed on none do: they pass the inflater.
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

// startCheck starts the time of a check, if the ping that is about to be sent is one.
func (l *sessionConn) startCheck() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.checkPending {
		l.checkPending, l.checkedAt = false, time.Now()
	}
}

// extendToken moves the token's end. Only the reader calls it.
func (l *sessionConn) extendToken(expires time.Time) {
	l.mu.Lock()
	l.tokenExpiry = expires
	l.mu.Unlock()
	_ = l.updateDeadline() // a limit that has passed already shows in the next Read
}

// updateDeadline sets the read deadline to the earliest limit, or says which has passed.
func (l *sessionConn) updateDeadline() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	due, cause := l.pongDue, errPeerTimeout
	earlier := func(t time.Time, why error) {
		if !t.IsZero() && (due.IsZero() || t.Before(due)) {
			due, cause = t, why
		}
	}
	earlier(l.lastRead.Add(l.idleTimeout), errPeerTimeout)
	switch {
	case l.checkPending:
		return errPingDue
	case l.lastRead.Before(l.checkedAt):
		earlier(l.checkedAt.Add(checkTimeout), errPeerTimeout)
	}
	if l.pingInterval > 0 {
		earlier(alignToSlot(l.lastPing.Add(l.pingInterval), l.pingInterval/pingSlots), errPingDue)
	}
	earlier(l.tokenExpiry, errTokenExpired)
	earlier(l.closeDeadline, errCloseTimeout)
	if !time.Now().Before(due) {
		return cause
	}
	return l.Conn.SetReadDeadline(due)
}

// requestCheck has the reader ping the peer now and end reading (errSilent) when
// nothing comes within checkLimit. It does nothing while the peer is being checked,
// before the reader runs, which means that the peer has just connected, and once
// the session is closing.
func (l *sessionConn) requestCheck(now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.pongDue.IsZero() || !l.closeDeadline.IsZero() || !l.checkedAt.IsZero() && now.Sub(l.checkedAt) < checkTimeout {
		return
	}
	l.checkedAt, l.checkPending = now, true
	_ = l.Conn.SetReadDeadline(now) // wakes the reader; fails only when the socket is gone
}

// alignToSlot is the last moment up to t that is whole slots away from any other such.
func alignToSlot(t time.Time, slot time.Duration) time.Time {
	if slot <= 0 {
		return t
	}
	return t.Add(-time.Duration(t.UnixNano() % int64(slot)))
}

// SetReadDeadline is how melody says when the next pong is due.
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
	// A limit that has passed already shows in the first Read.
	if err := l.updateDeadline(); err != nil {
		return l.Conn.SetReadDeadline(time.Now())
	}
	return nil
}

// SetDeadline is how gorilla clears what the HTTP server had set, which that did
// itself when it let the connection go.
func (*sessionConn) SetDeadline(time.Time) error { return nil }

// SetWriteDeadline leaves a deadline alone that is near enough to the wanted one.
func (l *sessionConn) SetWriteDeadline(t time.Time) error {
	if late := t.Sub(l.writeDeadline); late >= 0 && late < deadlineSlack && time.Until(l.writeDeadline) > writeTimeout/2 {
		return nil
	}
	l.writeDeadline = t
	return l.Conn.SetWriteDeadline(t)
}

// Write notes that the peer cannot be reached any more.
func (l *sessionConn) Write(p []byte) (int, error) {
	n, err := l.writer.write(l.Conn, p)
	if err != nil {
		l.mu.Lock()
		l.writeFailed = true
		l.mu.Unlock()
	}
	return n, err
}

// setConn gives the link its socket. Until then end only takes note.
func (l *sessionConn) setConn(conn net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.Conn = conn
}

// setCloseDeadline makes reading stop at t at the latest.
func (l *sessionConn) setCloseDeadline(t time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closeDeadline = t
	if l.Conn != nil {
		_ = l.Conn.SetReadDeadline(t) // fails only when the socket is gone
	}
}

// Close lets the reader wait for the peer's answer, unless nothing more can
// come; the session itself calls kill when its reader is done.
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

// discardInput tells the peer that nothing more comes and reads on until it has
// closed, so that a reset does not destroy what it has not read yet.
func (l *sessionConn) discardInput() {
	if half, ok := l.Conn.(interface{ CloseWrite() error }); ok && half.CloseWrite() != nil {
		return
	}
	if l.Conn.SetReadDeadline(time.Now().Add(closeAnswerTimeout)) == nil {
		_, _ = io.CopyN(io.Discard, l.Conn, maxDiscard) // any end will do
	}
}

// closeSocket closes the socket itself.
func (l *sessionConn) closeSocket() error { return l.Conn.Close() }
