package transport

import (
	"sync"
	"time"
)

const (
	// bodyGrace is the time that is added to the idle timeout of a request's body. The owner of
	// the body has the timeout without it, and reports the failure first and more precisely.
	bodyGrace = time.Second
	// lateResponseTimeout bounds the wait for a response after a failed write.
	lateResponseTimeout = time.Second
)

// watchdog interrupts an exchange that makes no progress. It measures only the time in which
// the exchange waits: for the request's body, for the service to accept it, for the header,
// or for the response body. Without a header timeout it never interrupts. Its methods are safe
// for concurrent use.
type watchdog struct {
	headerTimeout, idleTimeout time.Duration
	conn                       *conn

	mu    sync.Mutex
	timer *time.Timer
	// When the current waits began; zero: not waiting.
	body, write, read time.Time
	// headerDeadline, unless zero, is when the header must have arrived.
	headerDeadline time.Time
	// headerLimit is the limit that a timeout of the header reports.
	headerLimit time.Duration
	// expiredLimit is the limit that was exceeded, 0 if none was.
	expiredLimit time.Duration
	// bodyStalled means that the request's body exceeded it, not the service.
	bodyStalled    bool
	headerReceived bool
	finished       bool
}

// start starts the watchdog. sent means that there is no request body to wait for.
func (w *watchdog) start(sent bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.headerTimeout <= 0 {
		w.finished = true
		return
	}
	first := w.idleTimeout
	if sent {
		w.headerLimit, w.headerDeadline, first = w.headerTimeout, time.Now().Add(w.headerTimeout), w.headerTimeout
	}
	w.timer = time.AfterFunc(first, w.check)
}

// awaitHeader sets the deadline of the response header, and the limit that a timeout reports.
func (w *watchdog) awaitHeader(limit, wait time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.finished || w.headerReceived {
		return
	}
	w.headerLimit, w.headerDeadline = limit, time.Now().Add(wait)
	w.timer.Reset(wait)
}

// headerArrived ends the wait for the header.
func (w *watchdog) headerArrived() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.headerDeadline, w.headerReceived = time.Time{}, true
	if !w.finished {
		w.timer.Reset(w.idleTimeout)
	}
}

// begin starts one of the waits.
func (w *watchdog) begin(which *time.Time) {
	if w.headerTimeout <= 0 {
		return
	}
	now := time.Now()
	w.mu.Lock()
	*which = now
	w.mu.Unlock()
}

// end ends one of the waits and restarts the others: progress in one direction counts for
// both.
func (w *watchdog) end(which *time.Time) {
	if w.headerTimeout <= 0 {
		return
	}
	now := time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	*which = time.Time{}
	for _, other := range []*time.Time{&w.body, &w.write, &w.read} {
		if !other.IsZero() {
			*other = now
		}
	}
}

// next returns when the current wait ends, and its limit.
func (w *watchdog) next() (at time.Time, limit time.Duration) {
	switch {
	case !w.write.IsZero():
		return w.write.Add(w.idleTimeout), w.idleTimeout
	case !w.body.IsZero():
		return w.body.Add(w.idleTimeout + bodyGrace), w.idleTimeout
	case !w.headerDeadline.IsZero():
		return w.headerDeadline, w.headerLimit
	case !w.read.IsZero():
		return w.read.Add(w.idleTimeout), w.idleTimeout
	default:
		return time.Time{}, w.idleTimeout
	}
}

func (w *watchdog) check() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.finished {
		return
	}
	at, limit := w.next()
	switch left := time.Until(at); {
	case at.IsZero():
		w.timer.Reset(w.idleTimeout)
	case left > 0:
		w.timer.Reset(left)
	default:
		w.expiredLimit, w.finished = limit, true
		w.bodyStalled = w.write.IsZero() && !w.body.IsZero()
		w.conn.interrupt()
	}
}

// stop stops the watchdog. It does not touch the connection afterwards.
func (w *watchdog) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.finished = true
	if w.timer != nil {
		w.timer.Stop()
	}
}

// expiry returns the limit that was exceeded, 0 if none was. forBody means that the
// request's body stalled, not the service.
func (w *watchdog) expiry() (limit time.Duration, forBody bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.expiredLimit, w.bodyStalled
}
