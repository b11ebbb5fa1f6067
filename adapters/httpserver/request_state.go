package httpserver

import (
	"context"
	"time"

	"github.com/gin-gonic/gin"
	"go.opentelemetry.io/otel/trace"

	"github.com/huleedu/edge/domain"
)

// requestState is the state of one request in the middleware. Only the handler's
// goroutine uses it.
type requestState struct {
	endpoint *endpoint
	started  time.Time
	trail    domain.RequestContext
	// correlationReplaced reports that the client's correlation id was invalid.
	correlationReplaced bool
	span                trace.Span
	caller              domain.Caller
	// failure is what was answered instead of success.
	failure *domain.Error
	// stack is where a panic came from.
	stack []byte
	// status, unless 0, is what happened although gin's writer says otherwise:
	// a switch of protocols, a client that left.
	status int
}

type requestStateKey struct{}

func requestStateOf(c *gin.Context) *requestState {
	x, _ := c.Request.Context().Value(requestStateKey{}).(*requestState)
	return x
}

// beginRequest creates the requestState: ids, span and the common headers.
func (s *router) beginRequest(ep *endpoint) gin.HandlerFunc {
	return func(c *gin.Context) {
		x := &requestState{endpoint: ep, started: time.Now()}
		x.trail, x.correlationReplaced = requestIDs(c.Request)
		x.trail.Network = s.network(c.Request)
		ctx := domain.WithRequestContext(c.Request.Context(), x.trail)
		ctx, x.span = s.startSpan(ctx, c.Request, ep)
		c.Request = c.Request.WithContext(context.WithValue(ctx, requestStateKey{}, x))
		s.setCommonHeaders(c, x)
	}
}
