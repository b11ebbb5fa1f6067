package httpclient

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/huleedu/edge/adapters/internal/dependency"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// busyRetryAfter is the Retry-After of a call that found no free slot.
const busyRetryAfter = time.Second

// guard admits the calls to one service. It has its own bulkhead, circuit breaker and retry
// budget, so that a failing service does not affect the others.
type guard struct {
	service     string
	connect     time.Duration
	bulkhead    *bulkhead
	circuit     *circuit
	retryBudget *retryBudget
}

func newGuard(service string, c Config, o ports.Observer, log *slog.Logger) *guard {
	state := dependency.NewTracker(dependency.Config{Name: service, Address: c.address(service)}, o, log)
	return &guard{
		service: service, connect: c.ConnectTimeout,
		bulkhead: newBulkhead(c.MaxConcurrency), circuit: newCircuit(service, c, o, state), retryBudget: newRetryBudget(),
	}
}

// acquire takes a slot for the user and asks the circuit. The caller must release the slot
// and report the outcome once. probe means that the circuit is half open. Errors:
// SERVICE_UNAVAILABLE without a free slot, and CIRCUIT_BREAKER_OPEN.
func (g *guard) acquire(user string) (report func(error), probe bool, err error) {
	if !g.bulkhead.acquire(user) {
		return nil, false, domain.Unavailable(g.service, busyRetryAfter).WithOp("httpclient.enter")
	}
	report, probe, err = g.circuit.allow()
	if err != nil {
		g.bulkhead.release(user)
		return nil, false, err
	}
	g.retryBudget.deposit()
	return report, probe, nil
}

// mayRetry reports whether a call that got no response may be retried. Probes of a half-open
// circuit are not retried.
func (g *guard) mayRetry(method string) bool {
	return readOnly(method) && g.circuit.state() == domain.CircuitStateClosed && g.retryBudget.withdraw()
}

// readOnly reports whether requests of the method may be sent twice.
func readOnly(method string) bool { return method == http.MethodGet || method == http.MethodHead }

// isUnavailable reports whether the status is 502, 503 or 504, by which a service or its
// proxy reports its own failure.
func isUnavailable(status int) bool {
	switch status {
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	default:
		return false
	}
}
