package httpserver

import (
	"net/http"

	"go.opentelemetry.io/otel/trace"

	"github.com/huleedu/edge/ports"
)

// middleware holds what the steps before a handler need. Each step is a method in a file
// of its own; router.chain puts them in order.
type middleware struct {
	*responder
	tracer  trace.Tracer
	origins *originPolicy
	// tokens and limits are nil where no route needs a caller or has a limit.
	tokens ports.TokenValidator
	limits *limits
	// network returns the client network of a request; nil if no handler needs it.
	network func(*http.Request) string
}
