package httpserver

import (
	"log/slog"
	"net/http"
	"slices"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/huleedu/edge/app"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// GatewayParts are the dependencies of the gateway's server. All are required unless
// their comment says otherwise.
type GatewayParts struct {
	Config        GatewayConfig
	Environment   domain.Environment
	Tokens        ports.TokenValidator
	Limiter       ports.RateLimiter
	Batches       *app.Batches
	Pipelines     *app.Pipelines
	Registrations *app.Registrations
	Readiness     *app.Readiness
	Observer      ports.Observer
	Tracing       trace.TracerProvider
	Log           *slog.Logger
	// Classes and Teacher are passed on as they are.
	Classes, Teacher Upstream
	// Files takes uploads.
	Files Upstream
	// Services are the base URLs of all services behind the gateway. No answer
	// sends a client to them.
	Services []string
	// StreamIdle is how long a body that is passed on may stand still.
	StreamIdle time.Duration
	// Metrics answers scrapes; nil leaves out the route.
	Metrics http.Handler
	// Redis is nil while the gateway uses none.
	Redis ports.HealthProbe
	// Downstream are the services behind the gateway, Kafka included.
	Downstream []ports.HealthProbe
}

// gateway holds the gateway's handlers.
type gateway struct {
	*router
	GatewayParts
	maxBody int64
	// description is the API in OpenAPI, as JSON.
	description []byte
	// classes, teacher and files are the services that are passed on to.
	classes, teacher, files *upstream

	uploadLimiter *uploadLimiter
	streamLimiter *streamLimiter
	// locations holds the addresses of all services.
	locations    locations
	memoryBudget *domain.MemoryBudget
}

// NewGateway binds the gateway's addresses and prepares its routes; nothing is
// served yet. It returns CONFIGURATION_ERROR for settings that Problems would
// report and INITIALIZATION_FAILED when an address cannot be bound.
func NewGateway(parts GatewayParts) (*Server, error) {
	for _, problem := range slices.Concat(parts.Config.Problems(parts.Environment), parts.Config.Limits.Problems(parts.Environment),
		parts.Config.Uploads.Problems(parts.Environment)) {
		return nil, problem
	}
	trusted, err := parseProxies(parts.Config.TrustedProxies)
	if err != nil {
		return nil, err
	}
	limits := newLimits(parts.Limiter, parts.Config.Limits, trusted)
	s := &router{
		service: domain.GatewayService, log: parts.Log, observer: parts.Observer,
		tracer: parts.Tracing.Tracer(scope), origins: newOriginPolicy(parts.Config.policy(), parts.Environment),
		network: trusted.network, limits: limits,
		authentication: app.NewAuthentication(parts.Tokens, parts.Limiter, parts.Observer, limits.refused.Limit),
	}
	if err := s.setUpEngine(); err != nil {
		return nil, err
	}
	description, err := openAPIDocument()
	if err != nil {
		return nil, err
	}
	g := &gateway{
		router: s, GatewayParts: parts, maxBody: parts.Config.MaxBodyBytes, description: description,
		uploadLimiter: newUploadLimiter(), streamLimiter: newStreamLimiter(), locations: newLocations(parts.Services),
		memoryBudget: domain.NewMemoryBudget(maxBufferedAnswers),
	}
	if err := g.openUpstreams(); err != nil {
		return nil, err
	}
	return s.listenAll(g.tables(), listenAddr{parts.Config.Host, parts.Config.Port, parts.Config.AdminAddr}, connLimits{
		headerBytes: parts.Config.MaxHeaderBytes,
		header:      parts.Config.HeaderTimeout, answer: parts.Config.AnswerTimeout, idle: parts.Config.IdleTimeout,
	})
}

func (g *gateway) openUpstreams() (err error) {
	if g.classes, err = g.Classes.build(domain.ClassManagement, "proxy_classes", "/v1/classes"); err != nil {
		return err
	}
	if g.files, err = g.Files.build(domain.FileService, "upload_files", ""); err != nil {
		return err
	}
	g.teacher, err = g.Teacher.build(domain.TeacherBFF, "proxy_teacher", "/bff/v1/teacher")
	return err
}
