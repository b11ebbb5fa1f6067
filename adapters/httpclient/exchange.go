package httpclient

import (
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/huleedu/edge/domain"
)

// exchange is one request that is passed on, and the body of its answer. Except
// for the writing of a request's body all of it runs on its caller's goroutine.
type exchange struct {
	forwarder *Forwarder
	user      string
	// headerTimeout bounds the wait for the answer's header, from the end of the
	// request's body.
	headerTimeout time.Duration
	outcome       *outcomeReport

	ctx context.Context
	// These belong to the current attempt.
	conn         *conn
	sender       *sender
	watchdog     *watchdog
	stopWatching func() bool // ends the watch on ctx

	body io.ReadCloser
	// closeAfter says that the connection carries no further answer.
	closeAfter bool
	// connected and answered say how far the current attempt came.
	connected, answered bool
	finished            bool
	released            atomic.Bool // its place
}

func (e *exchange) run(req *http.Request) (*http.Response, error) {
	e.ctx = req.Context()
	res, err := e.attempt(req, false)
	if err != nil && e.shouldRetry(req, err) {
		trace.SpanFromContext(e.ctx).AddEvent("retry")
		res, err = e.attempt(req, true)
	}
	if err != nil {
		defer e.releaseSlot()
		closeRequestBody(req)
		return nil, e.failure(err)
	}
	if isUnavailable(res.StatusCode) {
		e.outcome.report(errUnhealthy)
	}
	if media, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type")); media == eventStream {
		e.releaseSlot() // it stays open, and the caller counts it
		e.outcome.report(nil)
	}
	e.body, res.Body = res.Body, e
	return res, nil
}

// eventStream is the media type of answers that stay open.
const eventStream = "text/event-stream"

// shouldRetry decides about a second and last attempt: for GET and HEAD, before the
// first byte of an answer, within the budget. An attempt on a connection that the
// service had just closed costs nothing of it.
func (e *exchange) shouldRetry(req *http.Request, err error) bool {
	if !hasNoBody(req) || e.ctx.Err() != nil || e.answered || !readOnly(req.Method) ||
		domain.CodeOf(e.classify(err)) != domain.ConnectionError {
		return false
	}
	return e.conn != nil && e.conn.reused || e.forwarder.mayRetry(req.Method)
}

// attempt sends the request on a connection, a new one if fresh, and reads the
// answer's header.
func (e *exchange) attempt(req *http.Request, fresh bool) (*http.Response, error) {
	e.conn, e.connected, e.answered = nil, false, false
	if err := e.ctx.Err(); err != nil {
		return nil, err
	}
	pool := e.forwarder.pool(req.URL)
	conn, err := pool.get(e.ctx, time.Time{}, fresh)
	if err != nil {
		return nil, err
	}
	e.conn, e.connected = conn, true
	e.watchdog = newWatchdog(e.headerTimeout, e.forwarder.idleTimeout, conn.interrupt)
	e.stopWatching = context.AfterFunc(e.ctx, conn.interrupt)
	e.sender = &sender{conn: conn, watchdog: e.watchdog, onBodyRead: e.outcome.requestSent}
	e.sender.send(req)
	res, err := e.receive(req)
	if err != nil {
		e.watchdog.stop()
		e.stopWatching()
		e.sender.abort()
		if !e.callerFailed() {
			pool.noteFailure(conn, e.answered, err)
		}
		return nil, errors.Join(err, e.sender.bodyFailure(), e.sender.err)
	}
	return res, nil
}

// receive reads the answer's header. Interim answers end here; a switch of
// protocols is no answer, because it was not asked for.
func (e *exchange) receive(req *http.Request) (*http.Response, error) {
	e.conn.setReadLimit(maxDiscard)
	defer e.conn.setReadLimit(-1)
	if _, err := e.conn.reader.Peek(1); err != nil {
		return nil, err
	}
	e.answered = true
	for {
		res, err := http.ReadResponse(e.conn.reader, req)
		switch {
		case err != nil:
			return nil, err
		case res.StatusCode == http.StatusSwitchingProtocols:
			return nil, errMalformedResponse
		case res.StatusCode < http.StatusContinue || res.StatusCode >= http.StatusOK:
			e.closeAfter = res.Close
			e.watchdog.headerArrived()
			return res, nil
		}
	}
}

// failure names what ended the exchange and tells the circuit.
func (e *exchange) failure(cause error) error {
	named := e.classify(cause)
	e.outcome.report(e.outcomeOf(named))
	return named
}

// classify is the error's code. A caller who left shows as context.Canceled in the
// error's chain, whatever its code.
func (e *exchange) classify(cause error) *domain.Error {
	service := e.forwarder.service
	if callerLeft(e.ctx) {
		return domain.Unreachable(service, errors.Join(e.ctx.Err(), cause))
	}
	if e.ctx.Err() != nil {
		return domain.TimedOut(service, e.headerTimeout, cause)
	}
	if e.connected {
		if late := e.watchdog.timeout(service, cause); late != nil {
			return late
		}
	}
	switch {
	case timedOut(cause):
		return domain.TimedOut(service, e.forwarder.connect, cause)
	case e.answered:
		return domain.BrokenAnswer(service, cause)
	default:
		return domain.Unreachable(service, cause)
	}
}

// outcomeOf is what a failure tells of the service. A body that could not be read
// tells nothing.
func (e *exchange) outcomeOf(err *domain.Error) error {
	if err.Code == domain.InvalidResponse || e.callerFailed() {
		return errInconclusive
	}
	return errUnhealthy
}

// callerFailed reports whether the attempt failed because the caller left or because
// the request's body could not be read in time. Such a failure says nothing about the
// service or the connections to it.
func (e *exchange) callerFailed() bool {
	if callerLeft(e.ctx) {
		return true
	}
	if !e.connected {
		return false
	}
	_, forBody := e.watchdog.expiry()
	unread := e.sender.body != nil && !e.sender.body.atEOF.Load()
	return forBody || e.sender.bodyFailure() != nil || e.ctx.Err() != nil && unread
}

// releaseSlot gives the place in the bulkhead back, once.
func (e *exchange) releaseSlot() {
	if e.released.CompareAndSwap(false, true) {
		e.forwarder.bulkhead.release(e.user)
	}
}

// Read reads the answer's body. At its end, and with an error, the exchange is
// over: nothing reads the request's body any more.
func (e *exchange) Read(p []byte) (int, error) {
	if e.finished {
		return 0, io.EOF
	}
	e.watchdog.begin(&e.watchdog.read)
	n, err := e.body.Read(p)
	e.watchdog.end(&e.watchdog.read)
	switch {
	case err == nil:
		if n > 0 {
			e.outcome.report(nil)
		}
		return n, nil
	case errors.Is(err, io.EOF):
		e.outcome.report(nil)
		e.finish(true)
		return n, io.EOF
	default:
		e.finish(false)
		return n, e.failure(err)
	}
}

// Close ends the exchange. Before the body's end it costs the connection.
func (e *exchange) Close() error {
	if !e.finished {
		e.outcome.report(nil)
		e.finish(false)
	}
	return nil
}

// finish keeps the connection if the answer was whole and the request was sent
// whole, else closes it, and waits until the writing of the request has
// ended.
func (e *exchange) finish(whole bool) {
	e.finished = true
	defer e.releaseSlot()
	e.watchdog.stop()
	kept := whole && !e.closeAfter && e.sender.complete()
	undisturbed := e.stopWatching()
	if limit, _ := e.watchdog.expiry(); kept && undisturbed && limit == 0 && e.conn.drained() {
		e.conn.pool.put(e.conn)
		return
	}
	e.sender.abort()
}
