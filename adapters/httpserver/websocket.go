package httpserver

import (
	"log/slog"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/huleedu/edge/app"
	"github.com/huleedu/edge/app/delivery"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// WebSocketParts are the dependencies of the notification service's server. All are
// required unless their comment says otherwise.
type WebSocketParts struct {
	Config      WebSocketConfig
	Environment domain.Environment
	// Upgrade switches a request to the WebSocket protocol and returns who connected, or
	// returns why not and leaves the answer to this package. What it is given is good only until
	// it returns, except for a connection that it hijacked and, then, the headers of
	// request and answer, which are its own.
	Upgrade func(http.ResponseWriter, *http.Request) (delivery.Handshake, error)
	// Stream answers a request with an event stream and returns who connected, or returns
	// why not, with the user if the token was good. The rule of Upgrade applies.
	Stream func(http.ResponseWriter, *http.Request) (delivery.Handshake, error)
	// Managers count the connections of this node.
	Managers []ports.ConnectionManager
	// SocketsPerUser is the limit that the health answer states.
	SocketsPerUser int
	Readiness      *app.Readiness
	Observer       ports.Observer
	Tracing        trace.TracerProvider
	Log            *slog.Logger
	// Operators answers the routes that need Config.AdminToken; nil leaves them out.
	Operators *app.Operators
	// Metrics answers scrapes; nil leaves out the route.
	Metrics http.Handler
	// Redis tells how Redis does; RedisAddress is its URL for the public,
	// without credentials.
	Redis        ports.HealthProbe
	RedisAddress string
}

// sockets holds the notification service's handlers.
type sockets struct {
	*responder
	WebSocketParts
	// redis is the cached form of WebSocketParts.Redis.
	redis     *cachedProbe
	startedAt time.Time
	// docs converts the description when it is first requested.
	docs func() (messageDocs, error)
}
