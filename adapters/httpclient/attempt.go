package httpclient

import (
	"context"
	"errors"
	"net"
	"net/http/httptrace"
	"sync/atomic"
	"time"

	"github.com/huleedu/edge/domain"
)

// attempt watches one exchange, to say what went wrong with it.
type attempt struct {
	service *service
	limit   time.Duration
	// answered is set from the transport's goroutine when the first byte comes.
	answered atomic.Bool
}

func (a *attempt) watch(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotFirstResponseByte: func() { a.answered.Store(true) },
	})
}

// failure names what ended the exchange. A caller who left shows as
// context.Canceled in the error's chain, whatever its code.
func (a *attempt) failure(ctx context.Context, cause error) error {
	var waited net.Error
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return domain.Unreachable(a.service.name, errors.Join(ctx.Err(), cause))
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return domain.TimedOut(a.service.name, a.limit, cause)
	case errors.Is(cause, errTooBig):
		return domain.BrokenAnswer(a.service.name, cause)
	case errors.As(cause, &waited) && waited.Timeout():
		return domain.TimedOut(a.service.name, a.service.connect, cause)
	case a.answered.Load():
		return domain.BrokenAnswer(a.service.name, cause)
	default:
		return domain.Unreachable(a.service.name, cause)
	}
}
