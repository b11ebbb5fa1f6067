package httpclient

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/huleedu/edge/domain"
)

// passage is one exchange on its way, and the body of its answer. That is read
// as fast as a client takes it: only its first byte tells of the service.
type passage struct {
	way    *Forwarder
	user   string
	limit  time.Duration
	report func(error)

	ctx    context.Context
	cancel context.CancelFunc
	// sending is the request's body when it is somebody else's; else nil.
	sending *sending
	body    io.ReadCloser
	// connected and answered are set from the transport's goroutines.
	connected, answered atomic.Bool
	reported, ended     atomic.Bool
}

func (p *passage) run(req *http.Request) (*http.Response, error) {
	p.ctx, p.cancel = context.WithTimeout(req.Context(), p.limit)
	out := req.WithContext(httptrace.WithClientTrace(p.ctx, &httptrace.ClientTrace{
		GotConn:              func(httptrace.GotConnInfo) { p.connected.Store(true) },
		GotFirstResponseByte: func() { p.answered.Store(true) },
	}))
	defer p.prepare(out)()
	res, err := p.way.pool.RoundTrip(out)
	if err != nil && p.foundNobody(err) && bare(out) && p.way.mayRepeat(out.Method) {
		trace.SpanFromContext(p.ctx).AddEvent("retry")
		res, err = p.way.pool.RoundTrip(out)
	}
	if err != nil {
		defer p.cancel()
		defer p.end()
		return nil, p.failure(err)
	}
	if inTrouble(res.StatusCode) {
		p.tell(errSick)
	}
	p.body, res.Body = res.Body, p
	return res, nil
}

// prepare makes sure that nothing but GET and HEAD is sent twice, and watches
// the body, until its result is called. net/http repeats any request with an
// idempotency key by itself; it knows the key only by its usual spelling,
// services know it by any. It also waits, beyond the deadline, for a body that
// nobody sends: that is interrupted.
func (p *passage) prepare(out *http.Request) (done func()) {
	if out.Method != http.MethodGet && out.Method != http.MethodHead {
		out.Header = unrepeatable(out.Header)
	}
	if bare(out) {
		return func() {}
	}
	p.sending = &sending{ReadCloser: out.Body}
	out.Body = p.sending
	stop := context.AfterFunc(p.ctx, p.sending.interrupt)
	return func() { stop() }
}

// bare requests have no body.
func bare(r *http.Request) bool { return r.Body == nil || r.Body == http.NoBody }

// foundNobody says that the service has seen nothing of the request, or at
// least said nothing, and that the caller still wants to know.
func (p *passage) foundNobody(cause error) bool {
	return p.ctx.Err() == nil && domain.CodeOf(p.name(cause)) == domain.ConnectionError
}

// failure names what ended the exchange and tells the circuit.
func (p *passage) failure(cause error) error {
	e := p.name(cause)
	p.tell(p.verdict(e))
	return e
}

// name is the error's code. A caller who left shows as context.Canceled in the
// error's chain, whatever its code.
func (p *passage) name(cause error) *domain.Error {
	service := p.way.service
	switch {
	case left(p.ctx):
		return domain.Unreachable(service, errors.Join(p.ctx.Err(), cause))
	case p.ctx.Err() != nil:
		return domain.TimedOut(service, p.limit, cause)
	case timedOut(cause):
		return domain.TimedOut(service, p.way.connect, cause)
	case p.answered.Load():
		return domain.BrokenAnswer(service, cause)
	default:
		return domain.Unreachable(service, cause)
	}
}

// verdict is what a failure tells of the service. A body that somebody else
// sends may end, or stall, for reasons of theirs.
func (p *passage) verdict(e *domain.Error) error {
	theirs := p.sending != nil && !p.sending.done.Load() && p.connected.Load()
	switch {
	case left(p.ctx), theirs, e.Code == domain.InvalidResponse:
		return errUntold
	default:
		return errSick
	}
}

// tell reports to the circuit, once.
func (p *passage) tell(verdict error) {
	if p.reported.CompareAndSwap(false, true) {
		p.report(verdict)
	}
}

// end gives the place back, once.
func (p *passage) end() {
	if p.ended.CompareAndSwap(false, true) {
		p.way.slots.give(p.user)
	}
}

// Read reads the answer's body.
func (p *passage) Read(b []byte) (int, error) {
	n, err := p.body.Read(b)
	switch {
	case err == nil:
		if n > 0 {
			p.tell(nil)
		}
		return n, nil
	case errors.Is(err, io.EOF):
		p.tell(nil)
		p.end()
		return n, io.EOF
	default:
		defer p.end()
		return n, p.failure(err)
	}
}

// Close ends the exchange. Before the body's end it costs the connection.
func (p *passage) Close() error {
	defer p.cancel()
	defer p.end()
	p.tell(nil)
	if err := p.body.Close(); err != nil {
		return domain.Unknown(err).At("httpclient.Close")
	}
	return nil
}

// sending is a request's body that somebody else provides. done says that all
// of it was read.
type sending struct {
	io.ReadCloser
	done atomic.Bool
}

func (s *sending) Read(b []byte) (int, error) {
	n, err := s.ReadCloser.Read(b)
	if errors.Is(err, io.EOF) {
		s.done.Store(true)
	}
	return n, err
}

// interrupt ends a Read that waits. Closing does so for most bodies; one that
// is read from a client's connection needs a deadline.
func (s *sending) interrupt() {
	if timed, ok := s.ReadCloser.(interface{ SetReadDeadline(time.Time) error }); ok {
		_ = timed.SetReadDeadline(time.Now()) // a connection without deadlines is not waited for
		return
	}
	_ = s.Close() // it is closed once more by whoever reads it
}

// unrepeatable spells the keys so that net/http does not see them.
func unrepeatable(h http.Header) http.Header {
	for name, hidden := range map[string]string{"Idempotency-Key": "idempotency-key", "X-Idempotency-Key": "x-idempotency-key"} {
		if values, there := h[name]; there {
			h = h.Clone()
			delete(h, name)
			h[hidden] = values
		}
	}
	return h
}
