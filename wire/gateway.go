package wire

import (
	"errors"
	"log/slog"
	"slices"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/trace"

	"github.com/huleedu/edge/adapters/httpclient"
	"github.com/huleedu/edge/adapters/httpserver"
	"github.com/huleedu/edge/app"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// gatewayAdapters are the production adapters of the gateway.
type gatewayAdapters struct {
	Tokens      adapter[ports.TokenValidator]
	Limiter     adapter[ports.RateLimiter]
	Idempotency adapter[ports.Idempotency]
	Registered  adapter[ports.BatchRegistrations]
	Batches     adapter[ports.BatchStatusClient]
	Preflight   adapter[ports.PreflightChecker]
	Registry    adapter[ports.BatchRegistry]
	Commands    adapter[ports.CommandPublisher]
	Forwarders  forwarders
}

// gatewayPorts are the adapters that the gateway uses, without its telemetry.
type gatewayPorts GatewayOverride

// builtGateway contains the ports and the probes of the adapters that were built.
type builtGateway struct {
	Ports  gatewayPorts
	Health health
}

// buildGateway builds the adapter of each port that is not overridden. Health
// responses list the services behind the gateway in this order.
func buildGateway(o GatewayOverride, a gatewayAdapters, l *lifecycle) (builtGateway, error) {
	p := gatewayPorts(o)
	err := errors.Join(
		fill(&p.Tokens, a.Tokens, l),
		fill(&p.Limiter, a.Limiter, l),
		fill(&p.Idempotency, a.Idempotency, l),
		fill(&p.Registered, a.Registered, l),
		fill(&p.Batches, a.Batches, l),
		fill(&p.Preflight, a.Preflight, l),
		fill(&p.Registry, a.Registry, l),
		fill(&p.Commands, a.Commands, l),
		fill(&p.Classes, a.Forwarders.classes, l),
		fill(&p.Teacher, a.Forwarders.teacher, l),
		fill(&p.Files, a.Forwarders.files, l),
	)
	return builtGateway{p, l.health}, err
}

func gatewayObserver(o GatewayOverride, build adapter[ports.Observer], l *lifecycle) (ports.Observer, error) {
	return choose(o.Observer, build, l)
}

func gatewayTracing(o GatewayOverride, build adapter[trace.TracerProvider], l *lifecycle) (trace.TracerProvider, error) {
	return choose(o.Tracing, build, l)
}

func gatewayReadiness(h health) *app.Readiness {
	shared := slices.Clone(h.shared)
	if h.redis != nil {
		shared = append(shared, h.redis)
	}
	return app.NewReadiness(h.own, append(shared, h.downstream...))
}

// eventIDNamespace is the name space of event ids that are derived from names.
const eventIDNamespace = "urn:huleedu:edge:event"

func newIDs() app.IDs {
	space := uuid.NewSHA1(uuid.NameSpaceURL, []byte(eventIDNamespace))
	return app.IDs{
		New:      uuid.NewString,
		FromName: func(name string) string { return uuid.NewSHA1(space, []byte(name)).String() },
	}
}

// gatewayRefusedTokens returns the limit of requests without a valid token.
func gatewayRefusedTokens(c httpserver.GatewayConfig) domain.Limit { return c.Limits.RefusedTokens() }

// gatewayServer adds to the parts what has no type of its own, and binds the server.
func gatewayServer(parts httpserver.GatewayParts, p gatewayPorts, c httpclient.Config, h health, l *lifecycle) (*httpserver.Server, error) {
	parts.Classes = httpserver.Upstream{URL: c.ClassesURL, Transport: p.Classes}
	parts.Teacher = httpserver.Upstream{URL: c.TeacherURL, Transport: p.Teacher}
	parts.Files = httpserver.Upstream{URL: c.FilesURL, Transport: p.Files}
	parts.Services, parts.StreamIdle = c.URLs(), c.StreamIdleTimeout
	parts.Redis, parts.Downstream, parts.Metrics = h.redis, h.downstream, l.metrics
	return httpserver.NewGateway(parts)
}

// gatewayProcess returns the process of the gateway. Its drain finishes the requests in
// flight, then flushes commands and spans.
func gatewayProcess(server *httpserver.Server, r *app.Readiness, c GatewayConfig, l *lifecycle, log *slog.Logger) *Process {
	p := newProcess(domain.GatewayService, server, r, c.Environment, log)
	p.stopTimeout = c.Drain.Timeout
	p.addLifecycle(l)
	p.tasks = append(p.tasks, serverTask(server))
	p.drainSteps = []step{
		retireStep(server, c.Drain.Notice),
		{"finish requests", server.Shutdown},
	}
	return p
}
