package httpclient

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

const (
	// busyRetryAfter is when a caller may ask again who found no place.
	busyRetryAfter = time.Second
	// keepAlive is how often a silent connection is checked by the kernel.
	keepAlive = 30 * time.Second
	// idleLimit is how long an unused connection is kept.
	idleLimit = 90 * time.Second
)

// guard stands before one service, and every call to it passes here: it has
// places, a circuit and retries of its own, so that a service in trouble takes
// nothing from the others.
type guard struct {
	service     string
	connect     time.Duration
	bulkhead    *bulkhead
	circuit     *circuit
	retryBudget *retryBudget
}

func newGuard(service string, c Config, o ports.Observer) *guard {
	return &guard{
		service: service, connect: c.ConnectTimeout,
		bulkhead: newBulkhead(c.MaxConcurrency), circuit: newCircuit(service, c, o), retryBudget: newRetryBudget(),
	}
}

// acquire takes a place in the user's name and asks the circuit. The caller must
// give the place back and report once how the call went. probe says that the call
// tries the service out. Errors: SERVICE_UNAVAILABLE without a place and
// CIRCUIT_BREAKER_OPEN.
func (g *guard) acquire(user string) (report func(error), probe bool, err error) {
	if !g.bulkhead.acquire(user) {
		return nil, false, domain.Unavailable(g.service, busyRetryAfter).At("httpclient.enter")
	}
	report, probe, err = g.circuit.allow()
	if err != nil {
		g.bulkhead.release(user)
		return nil, false, err
	}
	g.retryBudget.deposit()
	return report, probe, nil
}

// mayRetry decides about a call without a body that found nobody. A circuit
// that is trying a service out gets no second try.
func (g *guard) mayRetry(method string) bool {
	return readOnly(method) && g.circuit.state() == domain.CircuitClosed && g.retryBudget.withdraw()
}

// readOnly are the methods that may be sent twice.
func readOnly(method string) bool { return method == http.MethodGet || method == http.MethodHead }

// callerLeft says that the caller wants no answer any more. One whose own patience
// has ended says so by the cause, and the service is to blame.
func callerLeft(ctx context.Context) bool {
	return errors.Is(ctx.Err(), context.Canceled) && !errors.Is(context.Cause(ctx), context.DeadlineExceeded)
}

// isUnavailable are the statuses by which a service, or what stands before it, says
// so itself.
func isUnavailable(status int) bool {
	switch status {
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	default:
		return false
	}
}
