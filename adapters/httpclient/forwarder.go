package httpclient

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/http/httpguts"

	"github.com/huleedu/edge/adapters/httpclient/transport"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// eventStream is the media type of responses that stay open.
const eventStream = "text/event-stream"

// Forwarder sends requests to one service behind the gateway and returns its responses. It
// changes neither: the caller sets the headers of identity and trace. The header X-User-Id
// names the user whose share of the bulkhead an exchange takes.
//
// A request's body is read by a goroutine of the exchange, which has ended when RoundTrip
// returns an error, and when the response body was read to its end, failed or was closed.
// Closing a request's body must end a Read that waits, as it does for an io.PipeReader.
//
// Its errors are those of the ports: CONNECTION_ERROR, TIMEOUT or INVALID_RESPONSE, also from
// the body of a response that ends too early, and SERVICE_UNAVAILABLE or CIRCUIT_BREAKER_OPEN
// for an exchange that was not made. If the caller left, the error's chain holds
// context.Canceled.
type Forwarder struct {
	*guard
	config Config
	// headerTimeout bounds the wait for a response header, idleTimeout every other wait.
	headerTimeout, idleTimeout time.Duration

	mu sync.Mutex
	// pools are the connections by scheme and host. A service has one address.
	pools map[string]*transport.Pool
}

var (
	_ http.RoundTripper = (*Forwarder)(nil)
	_ ports.HealthProbe = (*Forwarder)(nil)
)

// NewForwarder returns the client of the service with that name. It has connections of its
// own and does not connect yet. CloseIdleConnections closes them.
func NewForwarder(service string, c Config, o ports.Observer, log *slog.Logger) *Forwarder {
	f := &Forwarder{
		guard: newGuard(service, c, o, log), config: c, headerTimeout: c.Timeout, idleTimeout: c.StreamIdleTimeout,
		pools: map[string]*transport.Pool{},
	}
	if f.idleTimeout <= 0 {
		f.idleTimeout = f.headerTimeout
	}
	return f
}

// pool returns the connections to a URL's host.
func (f *Forwarder) pool(to *url.URL) *transport.Pool {
	key := to.Scheme + "://" + to.Host
	f.mu.Lock()
	defer f.mu.Unlock()
	p := f.pools[key]
	if p == nil {
		p = transport.New(asciiHost(to), f.config.transport())
		f.pools[key] = p
	}
	return p
}

// asciiHost returns the scheme and host of a URL, with the host in ASCII.
func asciiHost(u *url.URL) *url.URL {
	host, err := httpguts.PunycodeHostPort(u.Host)
	if err != nil {
		return u // the dial will fail
	}
	return &url.URL{Scheme: u.Scheme, Host: host}
}

// CloseIdleConnections closes the idle connections. It does not interrupt exchanges.
func (f *Forwarder) CloseIdleConnections() {
	f.mu.Lock()
	pools := slices.Collect(maps.Values(f.pools))
	f.pools = map[string]*transport.Pool{}
	f.mu.Unlock()
	for _, p := range pools {
		p.Close()
	}
}

// RoundTrip makes one exchange. The total time is not bounded, only each wait: for the
// response header, from the end of the request's body, and for progress of either body.
// Redirects are not followed: they would carry the caller's identity to the address in the
// response. The slot in the bulkhead is held until the response body is read or closed, or
// its header says that it stays open. The body must be closed.
func (f *Forwarder) RoundTrip(req *http.Request) (*http.Response, error) {
	limit := f.headerTimeout
	if deadline, ok := req.Context().Deadline(); ok {
		limit = min(limit, time.Until(deadline))
	}
	// The caller sets this header; a header of the client with its name was removed.
	user := req.Header.Get("X-User-Id")
	report, probe, err := f.acquire(user)
	if err != nil {
		if !hasNoBody(req) {
			_ = req.Body.Close() // its owner reads it to its end
		}
		return nil, err
	}
	x := &forwarded{forwarder: f, ctx: req.Context(), user: user, limit: limit, outcome: newOutcomeReport(report, probe, !hasNoBody(req))}
	return x.roundTrip(req)
}

// forwarded is one exchange of a Forwarder and the body of its response.
type forwarded struct {
	io.ReadCloser

	forwarder *Forwarder
	ctx       context.Context
	user      string
	// limit is the timeout of the response header.
	limit    time.Duration
	outcome  *outcomeReport
	released atomic.Bool // the slot in the bulkhead
}

func (x *forwarded) roundTrip(req *http.Request) (*http.Response, error) {
	f := x.forwarder
	res, err := f.roundTrip(f.pool(req.URL), req, transport.Options{
		HeaderTimeout: x.limit, IdleTimeout: f.idleTimeout, BodySent: x.outcome.requestSent,
	})
	if err != nil {
		return nil, x.fail(err)
	}
	if isUnavailable(res.StatusCode) {
		x.outcome.report(unhealthyStatus(res.StatusCode))
	}
	if media, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type")); media == eventStream {
		x.releaseSlot() // the response stays open; the caller limits such streams
		x.outcome.report(nil)
	}
	x.ReadCloser, res.Body = res.Body, x
	return res, nil
}

// fail ends the exchange: it reports the failure to the circuit, releases the slot and returns
// the error with its code.
func (x *forwarded) fail(err error) error {
	defer x.releaseSlot()
	named := x.forwarder.classify(x.ctx, x.limit, err)
	if named.Code == domain.InvalidResponse || failureOf(err).CallerFailed {
		x.outcome.report(errInconclusive)
	} else {
		x.outcome.report(unhealthyBecause(err))
	}
	return named
}

// releaseSlot releases the slot in the bulkhead. Only the first call has an effect.
func (x *forwarded) releaseSlot() {
	if x.released.CompareAndSwap(false, true) {
		x.forwarder.bulkhead.release(x.user)
	}
}

// Read reads the response body. The exchange ends at its end and with an error.
func (x *forwarded) Read(p []byte) (int, error) {
	n, err := x.ReadCloser.Read(p)
	switch {
	case err == nil && n == 0:
		return 0, nil
	case err == nil:
		x.outcome.report(nil)
		return n, nil
	case errors.Is(err, io.EOF):
		x.outcome.report(nil)
		x.releaseSlot()
		return n, io.EOF
	default:
		return n, x.fail(err)
	}
}

// Close ends the exchange.
func (x *forwarded) Close() error {
	x.outcome.report(nil)
	defer x.releaseSlot()
	return x.ReadCloser.Close()
}

// Health returns the state of the circuit. It makes no request.
func (f *Forwarder) Health(context.Context) domain.Health {
	h := domain.Health{Name: f.service, Condition: domain.Healthy, Note: "Circuit closed"}
	if f.circuit.state() != domain.CircuitStateClosed {
		h.Condition, h.Note, h.Err = domain.Degraded, "Circuit open", errUnhealthy
	}
	return h
}
