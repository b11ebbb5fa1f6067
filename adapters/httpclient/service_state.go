package httpclient

import (
	"fmt"

	"github.com/huleedu/edge/adapters/internal/dependency"
	"github.com/huleedu/edge/domain"
)

// unhealthyStatus is the outcome of a call that the service answered with 502, 503 or 504.
func unhealthyStatus(status int) error { return fmt.Errorf("%w: status %d", errUnhealthy, status) }

// unhealthyBecause is the outcome of a call that got no usable answer.
func unhealthyBecause(cause error) error { return fmt.Errorf("%w: %w", errUnhealthy, cause) }

// address returns the configured address of a service, for logs; empty if it has none.
func (c Config) address(service string) string {
	switch service {
	case aggregatorName:
		return dependency.Address(c.ResultAggregatorURL)
	case orchestratorName:
		return dependency.Address(c.OrchestratorURL)
	case domain.ClassManagement:
		return dependency.Address(c.ClassesURL)
	case domain.TeacherBFF:
		return dependency.Address(c.TeacherURL)
	case domain.FileService:
		return dependency.Address(c.FilesURL)
	default:
		return ""
	}
}

// recordOutcome stores the cause of a failed call, for the log line of a circuit that opens.
func (c *circuit) recordOutcome(outcome error) {
	if outcome != nil {
		c.lastFailure.Store(&outcome)
	}
}

// reportState reports the new state of the circuit to the tracker: an open circuit means that
// the service is down, a closed one that it works. A half-open circuit changes nothing.
func (c *circuit) reportState(state domain.CircuitState) {
	switch state {
	case domain.CircuitStateOpen:
		cause := errUnhealthy
		if last := c.lastFailure.Load(); last != nil {
			cause = *last
		}
		c.tracker.Report(fmt.Errorf("circuit opened: %w", cause))
	case domain.CircuitStateClosed:
		c.tracker.Report(nil)
	case domain.CircuitStateHalfOpen:
	}
}

// reportHealth reports the result of a health check to the tracker. A successful one does not
// count while the circuit is not closed, because calls are still refused.
func (c *circuit) reportHealth(err error) {
	if err != nil || c.state() == domain.CircuitStateClosed {
		c.tracker.Report(err)
	}
}
