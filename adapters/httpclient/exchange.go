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

// exchange is one forwarded request with the body of its response. Only the request's
// body is written on another goroutine; everything else runs on the caller's.
type exchange struct {
	forwarder *Forwarder
	user      string
	// headerTimeout bounds the wait for the response header, from the end of the
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
	// closeAfter means that the connection carries no further response.
	closeAfter bool
	// connected and answered tell how far the current attempt came.
	connected, answered bool
	finished            bool
	released            atomic.Bool // the slot in the bulkhead
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
		e.releaseSlot() // the response stays open; the caller limits such streams
		e.outcome.report(nil)
	}
	e.body, res.Body = res.Body, e
	return res, nil
}

// eventStream is the media type of responses that stay open.
const eventStream = "text/event-stream"

// shouldRetry reports whether a second and last attempt is made: for GET and HEAD, before
// the first byte of a response, within the retry budget. A retry after an attempt on a
// reused connection does not count against the budget.
func (e *exchange) shouldRetry(req *http.Request, err error) bool {
	if !hasNoBody(req) || e.ctx.Err() != nil || e.answered || !readOnly(req.Method) ||
		domain.CodeOf(e.classify(err)) != domain.ConnectionError {
		return false
	}
	return e.conn != nil && e.conn.reused || e.forwarder.mayRetry(req.Method)
}

// attempt sends the request and reads the response header. If fresh is set it opens a new
// connection.
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

// receive reads the response header and skips interim responses. It refuses 101, because
// no request asks for another protocol.
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

// failure classifies the error that ended the exchange and reports it to the circuit.
func (e *exchange) failure(cause error) error {
	named := e.classify(cause)
	e.outcome.report(e.outcomeOf(named))
	return named
}

// classify returns the error with its code. If the caller left, the error's chain holds
// context.Canceled, whatever the code.
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
		return domain.MalformedResponse(service, cause)
	default:
		return domain.Unreachable(service, cause)
	}
}

// outcomeOf returns what a failure means for the circuit. A request body that could not be
// read is inconclusive.
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

// releaseSlot releases the slot in the bulkhead. Only the first call has an effect.
func (e *exchange) releaseSlot() {
	if e.released.CompareAndSwap(false, true) {
		e.forwarder.bulkhead.release(e.user)
	}
}

// Read reads the response body. At its end, and after an error, the exchange is over:
// nothing reads the request's body any more.
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

// Close ends the exchange. Before the end of the body it closes the connection.
func (e *exchange) Close() error {
	if !e.finished {
		e.outcome.report(nil)
		e.finish(false)
	}
	return nil
}

// finish returns the connection to the pool if request and response are complete, else it
// closes it. It waits until the request's writer has ended.
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
