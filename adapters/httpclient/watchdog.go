package httpclient

import (
	"sync"
	"time"

	"github.com/huleedu/edge/domain"
)

const (
	// bodyGrace is added to the time that a request's body may be silent: its
	// owner has a limit of its own and names the failure better.
	bodyGrace = time.Second
	// lateResponseTimeout is how long an answer is still looked for after the request
	// could not be written.
	lateResponseTimeout = time.Second
)

// watchdog interrupts an exchange that stands still. It counts only the time in
// which the exchange waits: for the request's body, for the service
// to take it, for the header, or for the answer's body. Its methods may be called
// from any goroutine.
type watchdog struct {
	headerTimeout, idleTimeout time.Duration
	// interrupt makes the connection's reads and writes fail.
	interrupt func()

	mu    sync.Mutex
	timer *time.Timer
	// The running waits; zero: not waiting.
	body, write, read time.Time
	// headerDeadline, unless zero, is the time by which the header must be there.
	headerDeadline time.Time
	headerLimit    time.Duration // what due was made of
	expiredLimit   time.Duration // the limit that was passed; 0: none
	bodyStalled    bool          // it was the request's body that stood still
	headerReceived bool          // the header is there
	finished       bool
}

func newWatchdog(header, idle time.Duration, interrupt func()) *watchdog {
	return &watchdog{headerTimeout: header, idleTimeout: idle, interrupt: interrupt}
}

// start begins to watch. sent says that there is no request body to wait for.
func (w *watchdog) start(sent bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	first := w.idleTimeout
	if sent {
		w.headerLimit, w.headerDeadline, first = w.headerTimeout, time.Now().Add(w.headerTimeout), w.headerTimeout
	}
	w.timer = time.AfterFunc(first, w.check)
}

// awaitHeader sets the time until the answer's header.
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

// begin begins one of the waits.
func (w *watchdog) begin(which *time.Time) {
	now := time.Now()
	w.mu.Lock()
	*which = now
	w.mu.Unlock()
}

// end ends one of the waits. What moves in one direction is a sign of life for
// the other too.
func (w *watchdog) end(which *time.Time) {
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

// next is when the current wait ends, and its limit.
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
		w.interrupt()
	}
}

// stop ends the watch; the connection is not touched afterwards.
func (w *watchdog) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.finished = true
	if w.timer != nil {
		w.timer.Stop()
	}
}

// expiry is the limit that was passed, 0 if none was. forBody says that the
// request's body stood still and not the service.
func (w *watchdog) expiry() (limit time.Duration, forBody bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.expiredLimit, w.bodyStalled
}

// timeout names the passed limit, nil if none was passed.
func (w *watchdog) timeout(service string, cause error) *domain.Error {
	if limit, _ := w.expiry(); limit > 0 {
		return domain.TimedOut(service, limit, cause)
	}
	return nil
}
