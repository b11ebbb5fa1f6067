package httpserver

import (
	"net/http"

	"go.opentelemetry.io/otel/trace"

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
	// network returns the client network of a request.
	network func(*http.Request) string
}
