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
	way  *Forwarder
	user string
	// header bounds the wait for the answer's header, from the end of the
	// request's body.
	header  time.Duration
	verdict *judgement

	ctx context.Context
	// These belong to the current attempt.
	conn  *line
	send  *sender
	clock *watchdog
	stop  func() bool // ends the watch on ctx

	body io.ReadCloser
	// last says that the connection carries no further answer.
	last bool
	// connected and answered say how far the current attempt came.
	connected, answered bool
	finished            bool
	returned            atomic.Bool // its place
}

func (e *exchange) run(req *http.Request) (*http.Response, error) {
	e.ctx = req.Context()
	res, err := e.attempt(req, false)
	if err != nil && e.repeats(req, err) {
		trace.SpanFromContext(e.ctx).AddEvent("retry")
		res, err = e.attempt(req, true)
	}
	if err != nil {
		defer e.leave()
		closeBody(req)
		return nil, e.failure(err)
	}
	if inTrouble(res.StatusCode) {
		e.verdict.tell(errSick)
	}
	if media, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type")); media == eventStream {
		e.leave() // it stays open, and the caller counts it
		e.verdict.tell(nil)
	}
	e.body, res.Body = res.Body, e
	return res, nil
}

// eventStream is the media type of answers that stay open.
const eventStream = "text/event-stream"

// repeats decides about a second and last attempt: for GET and HEAD, before the
// first byte of an answer, within the budget. An attempt on a connection that the
// service had just closed costs nothing of it.
func (e *exchange) repeats(req *http.Request, err error) bool {
	if !bare(req) || e.ctx.Err() != nil || e.answered || !readOnly(req.Method) ||
		domain.CodeOf(e.name(err)) != domain.ConnectionError {
		return false
	}
	return e.conn != nil && e.conn.used || e.way.mayRepeat(req.Method)
}

// attempt sends the request on a connection, a new one if fresh, and reads the
// answer's header.
func (e *exchange) attempt(req *http.Request, fresh bool) (*http.Response, error) {
	e.conn, e.connected, e.answered = nil, false, false
	if err := e.ctx.Err(); err != nil {
		return nil, err
	}
	pool := e.way.pool(req.URL)
	conn, err := pool.get(e.ctx, time.Time{}, fresh)
	if err != nil {
		return nil, err
	}
	e.conn, e.connected = conn, true
	e.clock = newWatchdog(e.header, e.way.idle, conn.interrupt)
	e.stop = context.AfterFunc(e.ctx, conn.interrupt)
	e.send = &sender{conn: conn, clock: e.clock, ended: e.verdict.sent}
	e.send.send(req)
	res, err := e.receive(req)
	if err != nil {
		e.clock.stop()
		e.stop()
		e.send.cut()
		if !e.callerFailed() {
			pool.failed(conn, e.answered, err)
		}
		return nil, errors.Join(err, e.send.bodyFailure(), e.send.err)
	}
	return res, nil
}

// receive reads the answer's header. Interim answers end here; a switch of
// protocols is no answer, because it was not asked for.
func (e *exchange) receive(req *http.Request) (*http.Response, error) {
	e.conn.limit(maxDrained)
	defer e.conn.limit(-1)
	if _, err := e.conn.in.Peek(1); err != nil {
		return nil, err
	}
	e.answered = true
	for {
		res, err := http.ReadResponse(e.conn.in, req)
		switch {
		case err != nil:
			return nil, err
		case res.StatusCode == http.StatusSwitchingProtocols:
			return nil, errNoHTTP
		case res.StatusCode < http.StatusContinue || res.StatusCode >= http.StatusOK:
			e.last = res.Close
			e.clock.answered()
			return res, nil
		}
	}
}

// failure names what ended the exchange and tells the circuit.
func (e *exchange) failure(cause error) error {
	named := e.name(cause)
	e.verdict.tell(e.judge(named))
	return named
}

// name is the error's code. A caller who left shows as context.Canceled in the
// error's chain, whatever its code.
func (e *exchange) name(cause error) *domain.Error {
	service := e.way.service
	if left(e.ctx) {
		return domain.Unreachable(service, errors.Join(e.ctx.Err(), cause))
	}
	if e.ctx.Err() != nil {
		return domain.TimedOut(service, e.header, cause)
	}
	if e.connected {
		if late := e.clock.timeout(service, cause); late != nil {
			return late
		}
	}
	switch {
	case timedOut(cause):
		return domain.TimedOut(service, e.way.connect, cause)
	case e.answered:
		return domain.BrokenAnswer(service, cause)
	default:
		return domain.Unreachable(service, cause)
	}
}

// judge is what a failure tells of the service. A body that could not be read
// tells nothing.
func (e *exchange) judge(err *domain.Error) error {
	if err.Code == domain.InvalidResponse || e.callerFailed() {
		return errUntold
	}
	return errSick
}

// callerFailed reports whether the attempt failed because the caller left or because
// the request's body could not be read in time. Such a failure says nothing about the
// service or the connections to it.
func (e *exchange) callerFailed() bool {
	if left(e.ctx) {
		return true
	}
	if !e.connected {
		return false
	}
	_, forBody := e.clock.failure()
	unread := e.send.body != nil && !e.send.body.ended.Load()
	return forBody || e.send.bodyFailure() != nil || e.ctx.Err() != nil && unread
}

// leave gives the place in the bulkhead back, once.
func (e *exchange) leave() {
	if e.returned.CompareAndSwap(false, true) {
		e.way.slots.give(e.user)
	}
}

// Read reads the answer's body. At its end, and with an error, the exchange is
// over: nothing reads the request's body any more.
func (e *exchange) Read(p []byte) (int, error) {
	if e.finished {
		return 0, io.EOF
	}
	e.clock.wait(&e.clock.read)
	n, err := e.body.Read(p)
	e.clock.moved(&e.clock.read)
	switch {
	case err == nil:
		if n > 0 {
			e.verdict.tell(nil)
		}
		return n, nil
	case errors.Is(err, io.EOF):
		e.verdict.tell(nil)
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
		e.verdict.tell(nil)
		e.finish(false)
	}
	return nil
}

// finish keeps the connection if the answer was whole and the request was sent
// whole, else closes it, and waits until the writing of the request has
// ended.
func (e *exchange) finish(whole bool) {
	e.finished = true
	defer e.leave()
	e.clock.stop()
	kept := whole && !e.last && e.send.complete()
	undisturbed := e.stop()
	if limit, _ := e.clock.failure(); kept && undisturbed && limit == 0 && e.conn.spent() {
		e.conn.home.keep(e.conn)
		return
	}
	e.send.cut()
}
