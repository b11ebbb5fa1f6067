package httpserver

import (
	"context"
	"time"

	"github.com/gin-gonic/gin"
	"go.opentelemetry.io/otel/trace"

	"github.com/huleedu/edge/domain"
)

// exchange is one request and its answer, as the chain sees it. One goroutine
// owns it.
type exchange struct {
	endpoint *endpoint
	started  time.Time
	trail    domain.Trail
	// replaced says that the client's correlation id was no id.
	replaced bool
	span     trace.Span
	caller   domain.Caller
	// failure is what was answered instead of success.
	failure *domain.Error
	// stack is where a panic came from.
	stack []byte
	// status, unless 0, is what happened although gin's writer says otherwise:
	// a switch of protocols, a client that left.
	status int
}

type exchangeKey struct{}

func exchangeOf(c *gin.Context) *exchange {
	x, _ := c.Request.Context().Value(exchangeKey{}).(*exchange)
	return x
}

// begin opens the exchange: ids, span and the headers that every answer
// carries.
func (s *site) begin(ep *endpoint) gin.HandlerFunc {
	return func(c *gin.Context) {
		x := &exchange{endpoint: ep, started: time.Now()}
		x.trail, x.replaced = trailOf(c.Request)
		if s.network != nil {
			x.trail.Network = s.network(c.Request)
		}
		ctx := domain.WithTrail(c.Request.Context(), x.trail)
		ctx, x.span = s.openSpan(ctx, c.Request, ep)
		c.Request = c.Request.WithContext(context.WithValue(ctx, exchangeKey{}, x))
		s.prepare(c, x)
	}
}
