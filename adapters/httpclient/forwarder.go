package httpclient

import (
	"context"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"golang.org/x/net/http/httpguts"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// Forwarder carries requests that are passed on as they are to one service
// behind the gateway, and its answers back. It adds nothing to them: the
// caller sets identity and trace. The header X-User-Id says whose share
// of the bulkhead an exchange uses.
//
// A request's body is read by one goroutine of the exchange's, which has ended
// when RoundTrip returns an error, when the answer's body was read to its end or
// with an error, and when that is closed. Closing a request's body must end a
// Read that waits, as it does for an io.PipeReader.
//
// Its errors are those of the ports: CONNECTION_ERROR, TIMEOUT or
// INVALID_RESPONSE, also from the body of an answer that ends too early, and
// SERVICE_UNAVAILABLE or CIRCUIT_BREAKER_OPEN for an exchange that was not made.
// If the caller left, the error's chain holds context.Canceled.
type Forwarder struct {
	*guard
	config Config
	// headerTimeout bounds the wait for an answer's header, idle every other wait.
	headerTimeout, idleTimeout time.Duration

	mu sync.Mutex
	// pools are the connections by scheme and host. A service has one address.
	pools map[string]*connPool
	// dialContext, unless nil, replaces the dialer of new pools.
	dialContext func(ctx context.Context, network, address string) (net.Conn, error)
}

var (
	_ http.RoundTripper = (*Forwarder)(nil)
	_ ports.HealthProbe = (*Forwarder)(nil)
)

// NewForwarder returns the way to the service of that name, with connections of
// its own; it connects to nothing yet. CloseIdleConnections gives its connections
// back.
func NewForwarder(service string, c Config, o ports.Observer) *Forwarder {
	f := &Forwarder{
		guard: newGuard(service, c, o), config: c, headerTimeout: c.Timeout, idleTimeout: c.StreamIdleTimeout,
		pools: map[string]*connPool{},
	}
	if f.idleTimeout <= 0 {
		f.idleTimeout = f.headerTimeout
	}
	return f
}

// pool returns the connections to a URL's host.
func (f *Forwarder) pool(to *url.URL) *connPool {
	key := to.Scheme + "://" + to.Host
	f.mu.Lock()
	defer f.mu.Unlock()
	p := f.pools[key]
	if p == nil {
		p = newConnPool(asciiHost(to), f.config)
		if f.dialContext != nil {
			p.dialContext = f.dialContext
		}
		f.pools[key] = p
	}
	return p
}

// closeRequestBody closes the body of a request that is not sent.
func closeRequestBody(req *http.Request) {
	if !hasNoBody(req) {
		_ = req.Body.Close() // its owner reads it to its end
	}
}

// asciiHost returns the URL with its host as it is dialled and named.
func asciiHost(u *url.URL) *url.URL {
	host, err := httpguts.PunycodeHostPort(u.Host)
	if err != nil {
		return u // the dial will fail
	}
	return &url.URL{Scheme: u.Scheme, Host: host}
}

// CloseIdleConnections gives idle connections back. Calls in flight are not
// disturbed.
func (f *Forwarder) CloseIdleConnections() {
	f.mu.Lock()
	pools := slices.Collect(maps.Values(f.pools))
	f.pools = map[string]*connPool{}
	f.mu.Unlock()
	for _, p := range pools {
		p.close()
	}
}

// RoundTrip makes one exchange. Its time is bounded by silence: the answer's
// header has the service's limit from the end of the request's body, and neither
// body may stand still. Redirects are not followed: they would carry the caller's
// identity to the address in the response. The slot in the bulkhead is held until
// the answer's body is read or closed, or its header says that it stays open; it
// must be closed.
func (f *Forwarder) RoundTrip(req *http.Request) (*http.Response, error) {
	limit := f.headerTimeout
	if deadline, ok := req.Context().Deadline(); ok {
		limit = min(limit, time.Until(deadline))
	}
	return f.roundTrip(req, limit)
}

func (f *Forwarder) roundTrip(req *http.Request, header time.Duration) (*http.Response, error) {
	// The header is ours: a client's own of that name never comes this far.
	user := req.Header.Get("X-User-Id")
	report, probe, err := f.acquire(user)
	if err != nil {
		closeRequestBody(req)
		return nil, err
	}
	e := &exchange{forwarder: f, user: user, headerTimeout: header, outcome: newOutcomeReport(report, probe, !hasNoBody(req))}
	return e.run(req)
}

// Health returns the state of the circuit. It makes no request.
func (f *Forwarder) Health(context.Context) domain.Health {
	h := domain.Health{Name: f.service, Condition: domain.Healthy, Note: "Circuit closed"}
	if f.circuit.state() != domain.CircuitStateClosed {
		h.Condition, h.Note, h.Err = domain.Degraded, "Circuit open", errUnhealthy
	}
	return h
}
