package transport

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"
)

// Options are the options of one exchange.
type Options struct {
	// Deadline, unless zero, is when the exchange ends, with the reading of its response.
	Deadline time.Time
	// HeaderTimeout bounds the wait for the response header, from the end of the request's
	// body. 0 means that only Deadline and the request's context bound the exchange.
	HeaderTimeout time.Duration
	// IdleTimeout bounds each other wait: for the request's body, for the service to accept
	// it, and for the response body.
	IdleTimeout time.Duration
	// Fresh opens a new connection instead of reusing one.
	Fresh bool
	// BodySent, unless nil, is called when the request's body was read to its end.
	BodySent func()
}

// exchange is one request with the body of its response. Only the request's body is written
// on another goroutine; everything else runs on the caller's.
type exchange struct {
	pool         *Pool
	ctx          context.Context
	deadline     time.Time
	conn         *conn // nil before a connection is open
	sender       sender
	watchdog     watchdog
	stopWatching func() bool // ends the watch on ctx

	body io.ReadCloser
	// closeAfter means that the connection carries no further response.
	closeAfter bool
	// started means that the first byte of a response was received.
	started  bool
	finished bool
}

// RoundTrip sends a request and returns its response. The response's body must be read to its
// end or closed. Until then a goroutine may read the request's body; closing that must end a
// Read that waits, as it does for an io.PipeReader. The errors of RoundTrip and of the
// response's body are Failures. Redirects are not followed.
func (p *Pool) RoundTrip(req *http.Request, o Options) (*http.Response, error) {
	e := &exchange{pool: p, ctx: req.Context(), deadline: o.Deadline}
	res, err := e.roundTrip(req, o)
	if err != nil {
		if req.Body != nil {
			_ = req.Body.Close() // its owner reads it to its end
		}
		return nil, e.failure(err)
	}
	return res, nil
}

// LimitBody lets reads of the body of a Pool's response fail after d, or at the deadline of the
// exchange if that is sooner.
func LimitBody(res *http.Response, d time.Duration) {
	e, ok := res.Body.(*exchange)
	if !ok {
		return
	}
	at := time.Now().Add(d)
	if !e.deadline.IsZero() && e.deadline.Before(at) {
		return
	}
	_ = e.conn.SetReadDeadline(at) // a closed connection does not wait
	if e.ctx.Err() != nil {
		e.conn.interrupt() // the interrupt of the context may have been overwritten
	}
}

func (e *exchange) roundTrip(req *http.Request, o Options) (*http.Response, error) {
	c, err := e.pool.get(e.ctx, o)
	if err != nil {
		return nil, err
	}
	e.conn = c
	e.watchdog = watchdog{headerTimeout: o.HeaderTimeout, idleTimeout: o.IdleTimeout, conn: c}
	e.sender = sender{conn: c, watchdog: &e.watchdog, onBodyRead: o.BodySent}
	e.stopWatching = context.AfterFunc(e.ctx, c.interrupt)
	e.sender.send(req)
	res, err := e.readResponse(req)
	if err != nil {
		e.watchdog.stop()
		e.stopWatching()
		e.sender.abort()
		if c.reused && !e.started && !e.callerFailed() {
			e.pool.dropIdle()
		}
		return nil, errors.Join(err, e.sender.bodyFailure(), e.sender.err)
	}
	e.closeAfter = res.Close
	e.watchdog.headerArrived()
	e.body, res.Body = res.Body, e
	return res, nil
}

// failure returns the Failure of an error that ended the exchange.
func (e *exchange) failure(cause error) *Failure {
	if CallerLeft(e.ctx) {
		cause = errors.Join(e.ctx.Err(), cause)
	}
	f := &Failure{Started: e.started, CallerFailed: e.callerFailed(), cause: cause}
	f.Expired = !e.deadline.IsZero() && !time.Now().Before(e.deadline)
	if e.conn != nil {
		f.Reused = e.conn.reused
		f.Timeout, _ = e.watchdog.expiry()
	}
	return f
}

// callerFailed reports whether the exchange failed because the caller left or because the
// request's body could not be read in time.
func (e *exchange) callerFailed() bool {
	if CallerLeft(e.ctx) {
		return true
	}
	if e.conn == nil {
		return false
	}
	_, forBody := e.watchdog.expiry()
	return forBody || e.sender.bodyFailure() != nil || e.ctx.Err() != nil && e.sender.bodyPending()
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
		return n, nil
	case errors.Is(err, io.EOF):
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
		e.finish(false)
	}
	return nil
}

// finish returns the connection to the pool if request and response are complete, else it
// closes it. It waits until the request's writer has ended.
func (e *exchange) finish(whole bool) {
	e.finished = true
	e.watchdog.stop()
	complete := whole && !e.closeAfter && e.sender.complete()
	undisturbed := e.stopWatching()
	if limit, _ := e.watchdog.expiry(); complete && undisturbed && limit == 0 && e.conn.drained() {
		e.pool.put(e.conn)
		return
	}
	e.sender.abort()
}
