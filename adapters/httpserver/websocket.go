package httpserver

import (
	"log/slog"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/huleedu/edge/app"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// WebSocketParts are the dependencies of the notification service's server. All are
// required unless their comment says otherwise.
type WebSocketParts struct {
	Config      WebSocketConfig
	Environment domain.Environment
	// Upgrade switches a request to the WebSocket protocol, or returns why not
	// and leaves the answer to this package. What it is given is good only until
	// it returns, except for a connection that it hijacked and, then, the headers of
	// request and answer, which are its own.
	Upgrade func(http.ResponseWriter, *http.Request) error
	// Sockets counts the connections of this node.
	Sockets ports.ConnectionManager
	// SocketsPerUser is the limit that the health answer states.
	SocketsPerUser int
	Readiness      *app.Readiness
	Observer       ports.Observer
	Tracing        trace.TracerProvider
	Log            *slog.Logger
	// Metrics answers scrapes; nil leaves out the route.
	Metrics http.Handler
	// Redis tells how Redis does; RedisAddress is its URL for the public,
	// without credentials.
	Redis        ports.HealthProbe
	RedisAddress string
}

// What a connection may take before it becomes a socket.
const (
	socketHeaderBytes = 32 << 10
	socketHeaderTime  = 10 * time.Second
	socketAnswerTime  = 30 * time.Second
	socketIdleTime    = 120 * time.Second
)

// sockets holds the notification service's handlers.
type sockets struct {
	*router
	WebSocketParts
	// redis answers for WebSocketParts.Redis.
	redis     *cachedProbe
	startedAt time.Time
}

// NewWebSocket binds the notification service's addresses and prepares its
// routes; nothing is served yet. It returns CONFIGURATION_ERROR for settings
// that Problems would report and INITIALIZATION_FAILED when an address cannot
// be bound.
func NewWebSocket(parts WebSocketParts) (*Server, error) {
	for _, problem := range parts.Config.Problems(parts.Environment) {
		return nil, problem
	}
	trusted, err := parseProxies(parts.Config.TrustedProxies)
	if err != nil {
		return nil, err
	}
	s := &router{
		service: domain.WebSocketService, log: parts.Log, observer: parts.Observer,
		tracer: parts.Tracing.Tracer(scope), origins: newOriginPolicy(parts.Config.policy(), parts.Environment),
		network: trusted.network,
	}
	if err := s.setUpEngine(); err != nil {
		return nil, err
	}
	w := &sockets{router: s, WebSocketParts: parts, redis: &cachedProbe{probe: parts.Redis}, startedAt: time.Now()}
	return s.listenAll(w.tables(), listenAddr{parts.Config.Host, parts.Config.Port, parts.Config.AdminAddr}, connLimits{
		headerBytes: socketHeaderBytes, header: socketHeaderTime,
		answer: socketAnswerTime, idle: socketIdleTime, singleRequest: true,
	})
}
