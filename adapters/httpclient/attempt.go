package httpclient

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/huleedu/edge/domain"
)

// attempt is one call to a service within its guard.
type attempt struct {
	*service
	limit    time.Duration
	deadline time.Time
}

// run asks, and asks once more where the service has said nothing and the guard
// permits. A read that meets a connection which its service had just closed costs
// nothing of the retries' budget. Errors: CONNECTION_ERROR, TIMEOUT and
// INVALID_RESPONSE; then the answer holds the status if there was one.
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

// classify is the error's code. A caller who left shows as context.Canceled in the
// error's chain, whatever its code.
func (v *attempt) classify(ctx context.Context, cause error) *domain.Error {
	switch {
	case callerLeft(ctx):
		return domain.Unreachable(v.guard.service, errors.Join(ctx.Err(), cause))
	case errors.Is(cause, errNoMemory):
		return domain.Unavailable(v.guard.service, busyRetryAfter).Because(cause)
	case errors.Is(cause, errResponseTooLarge):
		return domain.BrokenAnswer(v.guard.service, cause)
	case ctx.Err() != nil || !time.Now().Before(v.deadline):
		return domain.TimedOut(v.guard.service, v.limit, cause)
	case timedOut(cause):
		return domain.TimedOut(v.guard.service, v.guard.connect, cause)
	case responseStarted(cause):
		return domain.BrokenAnswer(v.guard.service, cause)
	default:
		return domain.Unreachable(v.guard.service, cause)
	}
}

// outcome is what the call's end tells of the service.
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
