package httpclient

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/huleedu/edge/domain"
)

// attempt is one call to a service that the guard has admitted.
type attempt struct {
	*service
	limit    time.Duration
	deadline time.Time
}

// run sends the request, and sends it once more if no byte of a response arrived and the
// guard permits it. A retry after a failure on a reused connection does not count against
// the budget. Errors: CONNECTION_ERROR, TIMEOUT, SERVICE_UNAVAILABLE and INVALID_RESPONSE;
// then the response holds the status if one was received.
func (v *attempt) run(ctx context.Context, q wireRequest) (serviceResponse, error) {
	a, stale, err := v.pool.roundTrip(ctx, v.deadline, q, false)
	if err == nil {
		return a, nil
	}
	e := v.classify(ctx, err)
	if e.Code == domain.ConnectionError && ctx.Err() == nil && readOnly(q.method) && (stale || v.guard.mayRetry(q.method)) {
		trace.SpanFromContext(ctx).AddEvent("retry")
		if a, _, err = v.pool.roundTrip(ctx, v.deadline, q, true); err == nil {
			return a, nil
		}
		e = v.classify(ctx, err)
	}
	return serviceResponse{status: a.status}, e
}

// classify returns the error with its code. If the caller left, the error's chain holds
// context.Canceled, whatever the code.
func (v *attempt) classify(ctx context.Context, cause error) *domain.Error {
	switch {
	case callerLeft(ctx):
		return domain.Unreachable(v.guard.service, errors.Join(ctx.Err(), cause))
	case errors.Is(cause, errNoMemory):
		return domain.Unavailable(v.guard.service, busyRetryAfter).WithCause(cause)
	case errors.Is(cause, errResponseTooLarge):
		return domain.MalformedResponse(v.guard.service, cause)
	case ctx.Err() != nil || !time.Now().Before(v.deadline):
		return domain.TimedOut(v.guard.service, v.limit, cause)
	case timedOut(cause):
		return domain.TimedOut(v.guard.service, v.guard.connect, cause)
	case responseStarted(cause):
		return domain.MalformedResponse(v.guard.service, cause)
	default:
		return domain.Unreachable(v.guard.service, cause)
	}
}

// outcome returns what the end of the call means for the circuit.
func (v *attempt) outcome(ctx context.Context, status int, err error) error {
	switch {
	case isUnavailable(status):
		return errUnhealthy
	case err == nil, errors.Is(err, errResponseTooLarge), errors.Is(err, errNoMemory):
		return nil
	case callerLeft(ctx), domain.CodeOf(err) == domain.InvalidResponse:
		return errInconclusive
	default:
		return errUnhealthy
	}
}
