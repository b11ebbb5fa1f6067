package httpclient

import (
	"context"
	"net"
	"net/http"
	"time"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// Forwarder carries requests that are passed on as they are to one service
// behind the gateway, and its answers back. It adds nothing to them: identity
// and trace are the affair of whoever passes them on. The header X-User-Id says
// whose share of the service's places an exchange takes. A request's body that
// stalls is interrupted at the exchange's end: by its SetReadDeadline if it has
// one, else by closing it.
//
// Its errors are those of the ports: CONNECTION_ERROR, TIMEOUT or
// INVALID_RESPONSE, also from the body of an answer that ends too early, and
// SERVICE_UNAVAILABLE or CIRCUIT_BREAKER_OPEN for an exchange that was not made.
// A caller who left shows as context.Canceled in the error's chain.
type Forwarder struct {
	*guard
	pool  *http.Transport
	limit time.Duration
}

var (
	_ http.RoundTripper = (*Forwarder)(nil)
	_ ports.HealthProbe = (*Forwarder)(nil)
)

// NewForwarder returns the way to the service of that name, with a pool of its
// own; it connects to nothing yet. CloseIdleConnections gives its connections
// back.
func NewForwarder(service string, c Config, o ports.Observer) *Forwarder {
	return &Forwarder{guard: newGuard(service, c, o), pool: newPool(c), limit: c.Timeout}
}

// newPool returns connections for one service alone, with room for all calls
// that may be in flight. It asks for no compression, because bodies are passed
// on byte for byte, and uses no proxy.
func newPool(c Config) *http.Transport {
	return &http.Transport{
		DialContext:            (&net.Dialer{Timeout: c.ConnectTimeout, KeepAlive: keepAlive}).DialContext,
		TLSHandshakeTimeout:    c.ConnectTimeout,
		MaxIdleConns:           c.MaxConcurrency,
		MaxIdleConnsPerHost:    c.MaxConcurrency,
		IdleConnTimeout:        idleLimit,
		MaxResponseHeaderBytes: maxDrained,
		DisableCompression:     true,
		ForceAttemptHTTP2:      true,
	}
}

// CloseIdleConnections gives idle connections back. Calls in flight are not
// disturbed.
func (f *Forwarder) CloseIdleConnections() { f.pool.CloseIdleConnections() }

// RoundTrip makes one exchange, which must end within the service's limit,
// the answer's last byte included.
func (f *Forwarder) RoundTrip(req *http.Request) (*http.Response, error) {
	limit := f.limit
	if deadline, ok := req.Context().Deadline(); ok {
		limit = min(limit, time.Until(deadline))
	}
	return f.send(req, limit)
}

// send makes one exchange, which ends within limit, the answer's last byte
// included. Redirects are not followed: they would carry the caller's identity
// to wherever the answer points. The place is held until the answer's body is
// read or closed; it must be closed.
func (f *Forwarder) send(req *http.Request, limit time.Duration) (*http.Response, error) {
	// The header is ours: a client's own of that name never comes this far.
	user := req.Header.Get("X-User-Id")
	report, err := f.enter(user)
	if err != nil {
		return nil, err
	}
	p := &passage{way: f, user: user, limit: limit, report: report}
	return p.run(req)
}

// Health tells whether exchanges are made; it asks nobody.
func (f *Forwarder) Health(context.Context) domain.Health {
	h := domain.Health{Name: f.service, Condition: domain.Healthy, Note: "Circuit closed"}
	if f.circuit.state() != domain.CircuitClosed {
		h.Condition, h.Note, h.Err = domain.Degraded, "Circuit open", errSick
	}
	return h
}
