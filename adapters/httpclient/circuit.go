package httpclient

import (
	"errors"
	"sync/atomic"
	"time"

	"github.com/sony/gobreaker/v2"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// What a call tells of its service; nil says that the service is there.
var (
	// errUnhealthy counts towards opening the circuit.
	errUnhealthy = errors.New("service is in trouble")
	// errInconclusive tells nothing: the caller left, or what failed was not the
	// service.
	errInconclusive = errors.New("call tells nothing of the service")
)

// circuit stops calls to a service that fails again and again, and lets a few
// through after a while to see whether it is back.
type circuit struct {
	service  string
	recovery time.Duration
	breaker  *gobreaker.TwoStepCircuitBreaker[struct{}]
	// openedAt is when it opened last, in nanoseconds of Unix time.
	openedAt atomic.Int64
}

// newCircuit returns a closed circuit and tells the observer of it and of every
// change. A circuit that the settings disable stays closed.
func newCircuit(service string, c Config, o ports.Observer) *circuit {
	out := &circuit{service: service, recovery: c.RecoveryTimeout}
	out.breaker = gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		Name: service, MaxRequests: c.SuccessThreshold, Timeout: c.RecoveryTimeout,
		ReadyToTrip: func(n gobreaker.Counts) bool {
			return c.CircuitBreakerEnabled && n.ConsecutiveFailures >= c.FailureThreshold
		},
		IsExcluded: func(err error) bool { return errors.Is(err, errInconclusive) },
		// The breaker's lock is held here.
		OnStateChange: func(_ string, _, to gobreaker.State) {
			if to == gobreaker.StateOpen {
				out.openedAt.Store(time.Now().UnixNano())
			}
			o.Observe(domain.CircuitChanged{Service: service, State: stateOf(to)})
		},
	})
	o.Observe(domain.CircuitChanged{Service: service, State: domain.CircuitClosed})
	return out
}

// allow asks to make a call. The caller owes one report of how it went. It
// returns CIRCUIT_BREAKER_OPEN when no call may be made now. probe says that the
// circuit is half open.
func (c *circuit) allow() (report func(error), probe bool, err error) {
	report, err = c.breaker.Allow()
	if err != nil {
		ends := time.Unix(0, c.openedAt.Load()).Add(c.recovery)
		return nil, false, domain.CircuitOpen(c.service, max(time.Until(ends), time.Second)).Because(err).At("httpclient.enter")
	}
	return report, c.state() == domain.CircuitHalf, nil
}

// state is how the circuit stands now. An open one whose time is over becomes
// half open by being asked.
func (c *circuit) state() domain.CircuitState { return stateOf(c.breaker.State()) }

func stateOf(s gobreaker.State) domain.CircuitState {
	switch s {
	case gobreaker.StateClosed:
		return domain.CircuitClosed
	case gobreaker.StateHalfOpen:
		return domain.CircuitHalf
	default:
		return domain.CircuitBroken
	}
}
