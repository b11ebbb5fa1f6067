package wire

import (
	"context"
	"log/slog"
	"net/http"

	"go.opentelemetry.io/otel/trace"

	"github.com/huleedu/edge/adapters/httpclient"
	"github.com/huleedu/edge/adapters/httpserver"
	"github.com/huleedu/edge/app"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

func gatewayReadiness(u Lifecycle) *app.Readiness { return app.NewReadiness(u.Own, u.Shared) }

// gatewayParts are the dependencies of the gateway's server.
type gatewayParts struct {
	Config        httpserver.GatewayConfig
	Environment   domain.Environment
	Tokens        ports.TokenValidator
	Limiter       ports.RateLimiter
	Batches       *app.Batches
	Pipelines     *app.Pipelines
	Registrations *app.Registrations
	Forwarding    Forwarding
	Platform      httpclient.Config
	Readiness     *app.Readiness
	Observer      ports.Observer
	Tracing       trace.TracerProvider
	Log           *slog.Logger
	Metrics       http.Handler
	Lifecycle     Lifecycle
}

func gatewayServer(p gatewayParts) (*httpserver.Server, error) {
	return httpserver.NewGateway(httpserver.GatewayParts{
		Config: p.Config, Environment: p.Environment, Tokens: p.Tokens, Limiter: p.Limiter, Batches: p.Batches, Pipelines: p.Pipelines,
		Registrations: p.Registrations,
		Classes:       httpserver.Upstream{URL: p.Platform.ClassesURL, Transport: p.Forwarding.Classes},
		Teacher:       httpserver.Upstream{URL: p.Platform.TeacherURL, Transport: p.Forwarding.Teacher},
		Files:         httpserver.Upstream{URL: p.Platform.FilesURL, Transport: p.Forwarding.Files},
		Services:      p.Platform.URLs(),
		StreamIdle:    p.Platform.StreamIdleTimeout,
		Readiness:     p.Readiness, Observer: p.Observer, Tracing: p.Tracing, Log: p.Log, Metrics: p.Metrics,
		Redis: p.Lifecycle.Redis, Downstream: p.Lifecycle.Downstream,
	})
}

// gatewayProcess returns the process of the gateway. Its drain finishes the requests in
// flight, then flushes commands and spans.
func gatewayProcess(server *httpserver.Server, r *app.Readiness, d GatewayDrain, u Lifecycle, log *slog.Logger) *Process {
	p := newProcess(domain.GatewayService, server, r, log)
	p.stopTimeout = d.Timeout
	p.addLifecycle(u)
	p.tasks = append(p.tasks, serverTask(server))
	p.drainSteps = []step{
		{"wait for the load balancer", func(ctx context.Context) error {
			server.Retire()
			return pause(d.Notice)(ctx)
		}},
		{"finish requests", server.Shutdown},
	}
	return p
}
