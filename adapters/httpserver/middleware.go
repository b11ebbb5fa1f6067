package httpserver

import (
	"go.opentelemetry.io/otel/trace"

	"github.com/huleedu/edge/adapters/httpserver/clientip"
	"github.com/huleedu/edge/adapters/httpserver/operators"
	"github.com/huleedu/edge/app"
)

// middleware holds what the steps before a handler need. Each step is a method in a file
// of its own; router.chain puts them in order.
type middleware struct {
	*responder
	tracer  trace.Tracer
	origins *originPolicy
	// authentication and limits are nil if no route needs a caller or has a limit.
	authentication *app.Authentication
	limits         *limits
	// operators is nil if no route is for operators.
	operators *operators.Guard
	// proxies finds the client of a request.
	proxies clientip.Proxies
}
