package httpclient

import (
	"net"
	"net/http"
	"time"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

const (
	// busyWait is when a caller may ask again who found no place.
	busyWait = time.Second
	// keepAlive is how often a silent connection is checked by the kernel.
	keepAlive = 30 * time.Second
	// idleLimit is how long an unused connection is kept.
	idleLimit = 90 * time.Second
)

// guard stands before one service, and every call to it passes here: it has a
// pool, places, a circuit and retries of its own, so that a service in trouble
// takes nothing from the others.
type guard struct {
	service string
	connect time.Duration
	pool    *http.Transport
	slots   *slots
	circuit *circuit
	retries *retries
}

func newGuard(service string, c Config, o ports.Observer) *guard {
	return &guard{
		service: service, connect: c.ConnectTimeout, pool: newPool(c),
		slots: newSlots(c.MaxConcurrency), circuit: newCircuit(service, c, o), retries: newRetries(),
	}
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

// send makes one exchange, which ends within limit, the answer's last byte
// included. Redirects are not followed: they would carry the caller's identity
// and the internal key to wherever the answer points. The place is held until
// the answer's body is read or closed; it must be closed. Errors, of the body
// too: SERVICE_UNAVAILABLE without a place, CIRCUIT_BREAKER_OPEN,
// CONNECTION_ERROR, TIMEOUT and INVALID_RESPONSE.
func (g *guard) send(req *http.Request, limit time.Duration, kind bodyKind) (*http.Response, error) {
	// The header is ours: a client's own of that name never comes this far.
	user := req.Header.Get("X-User-Id")
	if !g.slots.take(user) {
		return nil, domain.Unavailable(g.service, busyWait).At("httpclient.send")
	}
	report, err := g.circuit.enter()
	if err != nil {
		g.slots.give(user)
		return nil, err
	}
	g.retries.earn()
	p := &passage{guard: g, user: user, limit: limit, kind: kind, report: report}
	return p.run(req)
}

// mayRepeat decides about a call that found nobody. A circuit that is trying
// a service out gets no second try.
func (g *guard) mayRepeat(req *http.Request) bool {
	return (req.Method == http.MethodGet || req.Method == http.MethodHead) &&
		(req.Body == nil || req.Body == http.NoBody) &&
		g.circuit.state() == domain.CircuitClosed && g.retries.spend()
}
