package httpclient

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/huleedu/edge/domain"
)

// visit is one call to a service within its guard.
type visit struct {
	*service
	limit    time.Duration
	deadline time.Time
}

// make asks, and asks once more where the service has said nothing and the guard
// permits. A read that meets a connection which its service had just closed costs
// nothing of the retries' budget. Errors: CONNECTION_ERROR, TIMEOUT and
// INVALID_RESPONSE; then the answer holds the status if there was one.
func (v *visit) make(ctx context.Context, q question) (answer, error) {
	a, stale, err := v.lines.exchange(ctx, v.deadline, q, false)
	if err == nil {
		return a, nil
	}
	e := v.name(ctx, err)
	if e.Code == domain.ConnectionError && ctx.Err() == nil && readOnly(q.method) && (stale || v.guard.mayRepeat(q.method)) {
		trace.SpanFromContext(ctx).AddEvent("retry")
		if a, _, err = v.lines.exchange(ctx, v.deadline, q, true); err == nil {
			return a, nil
		}
		e = v.name(ctx, err)
	}
	return answer{status: a.status}, e
}

// name is the error's code. A caller who left shows as context.Canceled in the
// error's chain, whatever its code.
func (v *visit) name(ctx context.Context, cause error) *domain.Error {
	switch {
	case left(ctx):
		return domain.Unreachable(v.guard.service, errors.Join(ctx.Err(), cause))
	case errors.Is(cause, errNoMemory):
		return domain.Unavailable(v.guard.service, busyWait).Because(cause)
	case errors.Is(cause, errTooBig):
		return domain.BrokenAnswer(v.guard.service, cause)
	case ctx.Err() != nil || !time.Now().Before(v.deadline):
		return domain.TimedOut(v.guard.service, v.limit, cause)
	case timedOut(cause):
		return domain.TimedOut(v.guard.service, v.guard.connect, cause)
	case heard(cause):
		return domain.BrokenAnswer(v.guard.service, cause)
	default:
		return domain.Unreachable(v.guard.service, cause)
	}
}

// verdict is what the call's end tells of the service.
func (v *visit) verdict(ctx context.Context, status int, err error) error {
	switch {
	case inTrouble(status):
		return errSick
	case err == nil, errors.Is(err, errTooBig), errors.Is(err, errNoMemory):
		return nil
	case left(ctx), domain.CodeOf(err) == domain.InvalidResponse:
		return errUntold
	default:
		return errSick
	}
}
