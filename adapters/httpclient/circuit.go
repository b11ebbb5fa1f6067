package httpclient

import (
	"errors"
	"sync/atomic"
	"time"

	"github.com/sony/gobreaker/v2"

	"github.com/huleedu/edge/adapters/internal/dependency"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// A call that the service answered normally has the outcome nil.
var (
	// errUnhealthy is the outcome of a call that the circuit counts as a failure.
	errUnhealthy = errors.New("service is unhealthy")
	// errInconclusive is the outcome of a call that the circuit does not count: the caller left,
	// or the service did not cause the failure.
	errInconclusive = errors.New("call is inconclusive for the service")
)

// circuit is the circuit breaker of one service. It refuses calls after consecutive failures
// and admits a few probes after the recovery timeout.
type circuit struct {
	service  string
	recovery time.Duration
	breaker  *gobreaker.TwoStepCircuitBreaker[struct{}]
	// openedAt is when it opened last; nil before. It keeps the monotonic time, so that a step of the
	// clock does not change how long clients are told to wait.
	openedAt atomic.Pointer[time.Time]
	// openedBy is the number of consecutive failures that opened it last.
	openedBy atomic.Uint32
	// tracker logs and counts whether the service works.
	tracker *dependency.Tracker
	// lastFailure is the outcome of the last failed call.
	lastFailure atomic.Pointer[error]
}

// newCircuit returns a closed circuit. It reports the state and every change to the observer
// and the tracker. A disabled circuit stays closed.
func newCircuit(service string, c Config, o ports.Observer, t *dependency.Tracker) *circuit {
	out := &circuit{service: service, recovery: c.RecoveryTimeout, tracker: t}
	out.breaker = gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		Name: service, MaxRequests: c.SuccessThreshold, Timeout: c.RecoveryTimeout,
		ReadyToTrip: func(n gobreaker.Counts) bool {
			out.openedBy.Store(n.ConsecutiveFailures)
			return c.CircuitBreakerEnabled && n.ConsecutiveFailures >= c.FailureThreshold
		},
		IsExcluded: func(err error) bool { return errors.Is(err, errInconclusive) },
		// The breaker's lock is held here.
		OnStateChange: func(_ string, _, to gobreaker.State) {
			if to == gobreaker.StateOpen {
				now := time.Now()
				out.openedAt.Store(&now)
			}
			o.Observe(domain.CircuitChanged{Service: service, State: stateOf(to)})
			out.reportState(stateOf(to))
		},
	})
	o.Observe(domain.CircuitChanged{Service: service, State: domain.CircuitStateClosed})
	return out
}

// allow admits a call or returns CIRCUIT_BREAKER_OPEN. The caller must call report once.
// probe means that the circuit is half open.
func (c *circuit) allow() (report func(error), probe bool, err error) {
	count, err := c.breaker.Allow()
	if err != nil {
		left := c.recovery - time.Since(*c.openedAt.Load())
		return nil, false, domain.CircuitOpen(c.service, max(left, time.Second)).WithCause(err).WithOp("httpclient.enter")
	}
	report = func(outcome error) {
		c.recordOutcome(outcome)
		count(outcome)
	}
	return report, c.state() == domain.CircuitStateHalfOpen, nil
}

// state returns the current state. An open circuit becomes half open when it is asked after
// the recovery timeout.
func (c *circuit) state() domain.CircuitState { return stateOf(c.breaker.State()) }

func stateOf(s gobreaker.State) domain.CircuitState {
	switch s {
	case gobreaker.StateClosed:
		return domain.CircuitStateClosed
	case gobreaker.StateHalfOpen:
		return domain.CircuitStateHalfOpen
	default:
		return domain.CircuitStateOpen
	}
}
