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
	// busyWait is when a caller may ask again who found no place.
	busyWait = time.Second
	// keepAlive is how often a silent connection is checked by the kernel.
	keepAlive = 30 * time.Second
	// idleLimit is how long an unused connection is kept.
	idleLimit = 90 * time.Second
)

// guard stands before one service, and every call to it passes here: it has
// places, a circuit and retries of its own, so that a service in trouble takes
// nothing from the others.
type guard struct {
	service string
	connect time.Duration
	slots   *slots
	circuit *circuit
	retries *retries
}

func newGuard(service string, c Config, o ports.Observer) *guard {
	return &guard{
		service: service, connect: c.ConnectTimeout,
		slots: newSlots(c.MaxConcurrency), circuit: newCircuit(service, c, o), retries: newRetries(),
	}
}

// enter takes a place in the user's name and asks the circuit. The caller must
// give the place back and report once how the call went. probe says that the call
// tries the service out. Errors: SERVICE_UNAVAILABLE without a place and
// CIRCUIT_BREAKER_OPEN.
func (g *guard) enter(user string) (report func(error), probe bool, err error) {
	if !g.slots.take(user) {
		return nil, false, domain.Unavailable(g.service, busyWait).At("httpclient.enter")
	}
	report, probe, err = g.circuit.enter()
	if err != nil {
		g.slots.give(user)
		return nil, false, err
	}
	g.retries.earn()
	return report, probe, nil
}

// mayRepeat decides about a call without a body that found nobody. A circuit
// that is trying a service out gets no second try.
func (g *guard) mayRepeat(method string) bool {
	return readOnly(method) && g.circuit.state() == domain.CircuitClosed && g.retries.spend()
}

// readOnly are the methods that may be sent twice.
func readOnly(method string) bool { return method == http.MethodGet || method == http.MethodHead }

// left says that the caller wants no answer any more. One whose own patience
// has ended says so by the cause, and the service is to blame.
func left(ctx context.Context) bool {
	return errors.Is(ctx.Err(), context.Canceled) && !errors.Is(context.Cause(ctx), context.DeadlineExceeded)
}

// inTrouble are the statuses by which a service, or what stands before it, says
// so itself.
func inTrouble(status int) bool {
	switch status {
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	default:
		return false
	}
}
