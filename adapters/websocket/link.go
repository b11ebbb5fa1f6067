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
	errSilent   = errors.New("no sign of life")
	errExpired  = errors.New("token has expired")
	errFlood    = errors.New("more frames than are allowed")
	errOutdated = errors.New("the limit of the closing has passed")
	// errBadFrame, errBadReason and errTooLarge are faults of a client's frames
	// that the library would not find, or would answer with another status.
	errBadFrame  = errors.New("a broken frame")
	errBadReason = errors.New("a close frame whose reason is not UTF-8")
	errTooLarge  = errors.New("a compressed message that is too large")
	// errPing ends no reading: it is time for a ping.
	errPing = errors.New("a ping is due")
)

const (
	// writeWait bounds one write; a peer that takes nothing for so long is gone.
	writeWait = 10 * time.Second
	// rearmAfter is how stale a write deadline may be: setting one costs as much
	// as a seventh of a write.
	rearmAfter = time.Second
	// answerLimit is how long a peer may take to answer our close.
	answerLimit = 2 * time.Second
	// checkLimit is how long a peer may take to answer a ping that checks whether
	// it is still there, and the least time between two such pings.
	checkLimit = 5 * time.Second
	// pingSlots is how many moments of a ping interval pings go out at: those that
	// are due between two go with the earlier, because waking an idle process costs
	// more than a ping.
	pingSlots = 300
	// lingerBytes bounds what is still read of a peer that was told to go while
	// it was talking.
	lingerBytes = 8 << 20
)

// link is the net.Conn of a session. All of the session's time limits are its
// one read deadline, which is moved only when it has run out, so that traffic
// costs nothing. Its reader also sends the pings: melody's writer would grow its
// stack for them, and a quiet session's writer is never woken. Its Close is soft, because melody closes at once after a close
// frame, which would cut off the peer's answer and reset the data before it.
type link struct {
	net.Conn
	owner *session
	idle  time.Duration
	ping  time.Duration // between two pings; 0: none
	armed time.Time     // the write deadline; guarded by gorilla's own write lock
	heard time.Time     // the last byte; only the reader knows
	sieve sieve         // the reader's as well
	over  error         // why a frame of the peer ends the reading; likewise
	// packed is nil unless compression was agreed on; likewise
	packed *inflater
	asked  time.Time // the last ping; likewise
	out    outlet

	mu      sync.Mutex
	pong    time.Time // the next pong is due
	expires time.Time // the token is good until then; zero: for ever
	limit   time.Time // the closing must be over
	check   time.Time // the peer's last check began; zero: there was none
	unasked bool      // the ping of that check is still to be sent
	broken  bool      // a write failed: there is nothing to wait for
}

// Read reports which limit has passed, if that is why nothing came.
func (l *link) Read(p []byte) (int, error) {
	for {
		if l.packed != nil {
			if n := l.packed.take(p); n > 0 {
				return n, nil
			}
		}
		if l.over != nil {
			return 0, l.over
		}
		n, err := l.Conn.Read(p)
		if n > 0 {
			l.heard = time.Now()
			if fine := l.judge(p[:n]); fine > 0 {
				return fine, nil // the frames before the one too many still count
			}
			continue
		}
		if err == nil || !errors.Is(err, os.ErrDeadlineExceeded) {
			return 0, err
		}
		if err := l.rearm(); errors.Is(err, errPing) {
			l.begin()
			l.owner.ping()
			l.asked = time.Now()
			_ = l.rearm() // what is due shows in the next round
		} else if err != nil {
			return 0, err
		}
	}
}

// judge looks at bytes that came and returns how many may pass as they are. Where
// compression was agreed on none do: they pass the inflater.
func (l *link) judge(p []byte) (fine int) {
	fine, l.over = l.sieve.feed(p, l.heard)
	if l.packed == nil {
		return fine
	}
	if err := l.packed.feed(p[:fine]); err != nil {
		l.over = err
	}
	return 0
}

// begin starts the time of a check, if the ping that is about to be sent is one.
func (l *link) begin() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.unasked {
		l.unasked, l.check = false, time.Now()
	}
}

// extend moves the token's end. Only the reader calls it.
func (l *link) extend(expires time.Time) {
	l.mu.Lock()
	l.expires = expires
	l.mu.Unlock()
	_ = l.rearm() // a limit that has passed already shows in the next Read
}

// rearm sets the read deadline to the earliest limit, or says which has passed.
func (l *link) rearm() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	due, cause := l.pong, errSilent
	earlier := func(t time.Time, why error) {
		if !t.IsZero() && (due.IsZero() || t.Before(due)) {
			due, cause = t, why
		}
	}
	earlier(l.heard.Add(l.idle), errSilent)
	switch {
	case l.unasked:
		return errPing
	case l.heard.Before(l.check):
		earlier(l.check.Add(checkLimit), errSilent)
	}
	if l.ping > 0 {
		earlier(slotted(l.asked.Add(l.ping), l.ping/pingSlots), errPing)
	}
	earlier(l.expires, errExpired)
	earlier(l.limit, errOutdated)
	if !time.Now().Before(due) {
		return cause
	}
	return l.Conn.SetReadDeadline(due)
}

// challenge has the reader ping the peer now and end reading (errSilent) when
// nothing comes within checkLimit. It does nothing while the peer is being checked,
// before the reader runs, which means that the peer has just connected, and once
// the session is closing.
func (l *link) challenge(now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.pong.IsZero() || !l.limit.IsZero() || !l.check.IsZero() && now.Sub(l.check) < checkLimit {
		return
	}
	l.check, l.unasked = now, true
	_ = l.Conn.SetReadDeadline(now) // wakes the reader; fails only when the socket is gone
}

// slotted is the last moment up to t that is whole slots away from any other such.
func slotted(t time.Time, slot time.Duration) time.Time {
	if slot <= 0 {
		return t
	}
	return t.Add(-time.Duration(t.UnixNano() % int64(slot)))
}

// SetReadDeadline is how melody says when the next pong is due.
func (l *link) SetReadDeadline(t time.Time) error {
	l.mu.Lock()
	first := l.pong.IsZero()
	l.pong = t
	l.mu.Unlock()
	if !first {
		return nil
	}
	l.heard = time.Now()
	l.asked = l.heard
	// A limit that has passed already shows in the first Read.
	if err := l.rearm(); err != nil {
		return l.Conn.SetReadDeadline(time.Now())
	}
	return nil
}

// SetDeadline is how gorilla clears what the HTTP server had set, which that did
// itself when it let the connection go.
func (*link) SetDeadline(time.Time) error { return nil }

// SetWriteDeadline leaves a deadline alone that is near enough to the wanted one.
func (l *link) SetWriteDeadline(t time.Time) error {
	if late := t.Sub(l.armed); late >= 0 && late < rearmAfter && time.Until(l.armed) > writeWait/2 {
		return nil
	}
	l.armed = t
	return l.Conn.SetWriteDeadline(t)
}

// Write notes that the peer cannot be reached any more.
func (l *link) Write(p []byte) (int, error) {
	n, err := l.out.pass(l.Conn, p)
	if err != nil {
		l.mu.Lock()
		l.broken = true
		l.mu.Unlock()
	}
	return n, err
}

// open gives the link its socket. Until then end only takes note.
func (l *link) open(conn net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.Conn = conn
}

// end makes reading stop at t at the latest.
func (l *link) end(t time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.limit = t
	if l.Conn != nil {
		_ = l.Conn.SetReadDeadline(t) // fails only when the socket is gone
	}
}

// Close lets the reader wait for the peer's answer, unless nothing more can
// come; the session itself calls kill when its reader is done.
func (l *link) Close() error {
	l.mu.Lock()
	broken, closing := l.broken, !l.limit.IsZero()
	l.mu.Unlock()
	if broken {
		return l.kill()
	}
	if !closing {
		l.end(time.Now().Add(answerLimit))
	}
	return nil
}

// linger tells the peer that nothing more comes and reads on until it has
// closed, so that a reset does not destroy what it has not read yet.
func (l *link) linger() {
	if half, ok := l.Conn.(interface{ CloseWrite() error }); ok && half.CloseWrite() != nil {
		return
	}
	if l.Conn.SetReadDeadline(time.Now().Add(answerLimit)) == nil {
		_, _ = io.CopyN(io.Discard, l.Conn, lingerBytes) // any end will do
	}
}

// kill closes the socket itself.
func (l *link) kill() error { return l.Conn.Close() }
