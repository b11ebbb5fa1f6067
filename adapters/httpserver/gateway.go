package httpserver

import (
	"log/slog"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/huleedu/edge/adapters/httpserver/proxy"
	"github.com/huleedu/edge/adapters/httpserver/upload"
	"github.com/huleedu/edge/app"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// GatewayParts are the dependencies of the gateway's server. All are required unless
// their comment says otherwise.
type GatewayParts struct {
	Config         GatewayConfig
	Environment    domain.Environment
	Authentication *app.Authentication
	Limiter        ports.RateLimiter
	Batches        *app.Batches
	Pipelines      *app.Pipelines
	Registrations  *app.Registrations
	Readiness      *app.Readiness
	Observer       ports.Observer
	Tracing        trace.TracerProvider
	Log            *slog.Logger
	// Classes and Teacher are the services whose routes are passed on unchanged.
	Classes, Teacher Upstream
	// Files is the service that receives uploads.
	Files Upstream
	// Services are the base URLs of all services behind the gateway. No answer
	// sends a client to them.
	Services []string
	// StreamIdle bounds how long a body that is passed on may make no progress.
	StreamIdle time.Duration
	// Operators answers the routes that need Config.AdminToken; nil leaves them out.
	Operators *app.Operators
	// Metrics answers scrapes; nil leaves out the route.
	Metrics http.Handler
	// Redis is nil if the gateway uses no Redis.
	Redis ports.HealthProbe
	// Downstream are the probes of the services behind the gateway and of Kafka.
	Downstream []ports.HealthProbe
}

// Upstream is a service whose own API is passed on as it is.
type Upstream struct {
	// URL is its base, absolute and without query. The request's whole path is
	// appended to it.
	URL string
	// Transport sends the requests. An error of type *domain.Error is answered
	// unchanged; other errors are classified. With a nil Transport every request is
	// answered SERVICE_UNAVAILABLE.
	Transport http.RoundTripper
}

// gateway holds the gateway's handlers.
type gateway struct {
	*responder
	GatewayParts
	// description returns the API in OpenAPI, as JSON. Its first call converts the document, which takes longer than the rest of the
	// start.
	description func() ([]byte, error)
	// classes and teacher are the services that forwarder passes requests on to.
	classes, teacher *proxy.Backend
	forwarder        *proxy.Forwarder
	uploader         *upload.Uploader
	memoryBudget     *domain.MemoryBudget
}
