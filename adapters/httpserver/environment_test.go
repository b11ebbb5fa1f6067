package httpserver_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/huleedu/edge/adapters/httpserver"
	"github.com/huleedu/edge/adapters/memory"
	"github.com/huleedu/edge/app"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
	"github.com/huleedu/edge/test/recorded"
)

// tokenValidator accepts "u1" as a token of the user u1. Some other words cause an error.
type tokenValidator struct{}

func (tokenValidator) Validate(_ context.Context, token string) (domain.Caller, error) {
	switch token {
	case "expired":
		return domain.Caller{}, domain.TokenExpired()
	case "no-exp":
		return domain.Caller{}, domain.TokenWithoutExpiry()
	case "no-sub":
		return domain.Caller{}, domain.TokenWithoutSubject()
	case "forged":
		return domain.Caller{}, domain.TokenInvalid("signature")
	case "no-keys":
		return domain.Caller{}, domain.Unavailable("identity", 3*time.Second)
	case "panic":
		panic("the validator broke")
	case "runtime-panic":
		return pick(nil, len(token)), nil
	}
	return domain.Caller{User: domain.UserID(token), Expires: time.Now().Add(time.Hour)}, nil
}

func pick(from []domain.Caller, i int) domain.Caller { return from[i] }

// probe is a health probe with a fixed result.
type probe domain.Health

func (p probe) Health(context.Context) domain.Health { return domain.Health(p) }

// environment is a gateway or a notification service on a real socket with a platform in memory.
type environment struct {
	*httpserver.Server
	base     string
	platform *memory.Platform
	// registered is what was registered here.
	registered *memory.Registrations
	facts      memory.Facts
	log        recorded.Log
	ready      *app.Readiness
}

// served returns the recorded requests, without their durations.
func (w *environment) served() []domain.RequestServed {
	out := recorded.FactsOf[domain.RequestServed](w.facts.All())
	for i := range out {
		out[i].Duration = 0
	}
	return out
}

func (w *environment) failed() []domain.RequestFailed {
	return recorded.FactsOf[domain.RequestFailed](w.facts.All())
}

// logger returns a logger of all levels that writes into the environment's log.
func (w *environment) logger() *slog.Logger {
	return slog.New(slog.NewJSONHandler(&w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

func gatewayConfig() httpserver.GatewayConfig {
	return httpserver.GatewayConfig{
		Host: "127.0.0.1", Origins: []string{"http://localhost:5173"}, Credentials: true,
		Methods: []string{"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}, Headers: []string{"*"},
		MaxBodyBytes: 1 << 20, MaxHeaderBytes: 32 << 10, HeaderTimeout: 10 * time.Second,
		AnswerTimeout: 60 * time.Second, IdleTimeout: time.Minute, Limits: highLimits(),
		Uploads: httpserver.UploadsConfig{MaxBytes: 100 << 20, MaxFiles: 50, Timeout: time.Minute, StallTimeout: time.Minute},
	}
}

// highLimits returns limits that no test reaches by accident.
func highLimits() httpserver.LimitsConfig {
	return httpserver.LimitsConfig{Window: time.Minute, Commands: 1e6, Uploads: 1e6, Queries: 1e6, Default: 1e6, Refused: 1e6}
}

// unserved returns an environment without a server.
func unserved() *environment {
	w := &environment{
		platform: memory.NewPlatform(), registered: memory.NewRegistrations(),
		ready: app.NewReadiness(nil, []ports.HealthProbe{probe{Name: "kafka", Condition: domain.Healthy, Note: "connected"}}),
	}
	w.ready.Enter(app.Serving)
	return w
}

// parts returns the parts of a gateway whose batches come from client.
func (w *environment) parts(client ports.BatchStatusClient) httpserver.GatewayParts {
	batches := app.NewBatches(client, slog.New(slog.DiscardHandler))
	return httpserver.GatewayParts{
		Config: gatewayConfig(), Environment: domain.Testing, Limiter: memory.NewRateLimiter(),
		Batches: batches, Pipelines: w.pipelines(batches, w.platform),
		Registrations: app.NewRegistrations(w.platform, w.registered, w.logger()),
		StreamIdle:    time.Minute,
		Readiness:     w.ready, Observer: &w.facts, Tracing: noop.NewTracerProvider(), Log: w.logger(),
		Metrics: http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(rw, "up 1\n") }),
	}
}

func (w *environment) pipelines(batches *app.Batches, commands ports.CommandPublisher) *app.Pipelines {
	return app.NewPipelines(app.PipelineParts{
		Batches: batches, Preflight: w.platform, Commands: commands, Idempotency: memory.NewIdempotency(), Registered: w.registered,
		IDs: app.IDs{New: func() string { return "e1" }, FromName: func(name string) string { return name }},
		Log: slog.New(slog.DiscardHandler),
	})
}

// change adjusts the parts of a gateway before it is built.
type change = func(*environment, *httpserver.GatewayParts)

// newEnvironment returns a gateway that is served until the test ends.
func newEnvironment(t testing.TB, changes ...change) *environment {
	t.Helper()
	w := unserved()
	p := w.parts(w.platform)
	for _, adjust := range changes {
		adjust(w, &p)
	}
	if p.Authentication == nil {
		p.Authentication = authentication(p, tokenValidator{})
	}
	server, err := httpserver.NewGateway(p)
	require.NoError(t, err)
	w.serve(t, server)
	return w
}

// with returns a change of the parts alone.
func with(adjust func(*httpserver.GatewayParts)) change {
	return func(_ *environment, p *httpserver.GatewayParts) { adjust(p) }
}

func (w *environment) serve(t testing.TB, server *httpserver.Server) {
	t.Helper()
	w.Server, w.base = server, "http://"+server.Addr()
	serve(t, server)
}

// authentication returns the use-case of a gateway with the tokens.
func authentication(p httpserver.GatewayParts, tokens ports.TokenValidator) *app.Authentication {
	return app.NewAuthentication(tokens, p.Limiter, p.Observer, p.Config.Limits.RefusedTokens())
}

// serve runs the server until the test ends.
func serve(t testing.TB, server *httpserver.Server) {
	t.Helper()
	ended := make(chan error, 1)
	go func() { ended <- server.Serve() }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		assert.NoError(t, server.Shutdown(ctx))
		assert.NoError(t, <-ended)
	})
}

// errorBody is the standard error.
type errorBody struct {
	Code        domain.Code    `json:"code"`
	Message     string         `json:"message"`
	Correlation string         `json:"correlation_id"`
	Request     string         `json:"request_id"`
	Service     string         `json:"service"`
	Timestamp   string         `json:"timestamp"`
	Details     map[string]any `json:"details"`
}

// requireError checks that the gateway answered with an error in the standard form, and returns
// it.
func requireError(t *testing.T, r reply, status int, code domain.Code) errorBody {
	t.Helper()
	return requireErrorOf(t, domain.GatewayService, r, status, code)
}

// requireErrorOf checks status, code, form and common headers of an error, and returns it.
func requireErrorOf(t *testing.T, service domain.Service, r reply, status int, code domain.Code) errorBody {
	t.Helper()
	require.Equal(t, status, r.StatusCode, r.body)
	requireCommonHeaders(t, r)
	require.Equal(t, "application/json", r.Header.Get("Content-Type"))
	require.Regexp(t, `^\{"error":\{"code":"[A-Z_]+","message":".*","correlation_id":"[0-9a-f-]{36}","request_id":"[0-9a-f-]{36}",`+
		`"service":"`+string(service)+`","timestamp":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00","details":\{.*\}\}\}$`, r.body)
	var answer struct{ Error errorBody }
	require.NoError(t, json.Unmarshal([]byte(r.body), &answer))
	require.Equal(t, code, answer.Error.Code, r.body)
	require.Equal(t, r.Header.Get("X-Correlation-ID"), answer.Error.Correlation)
	require.Equal(t, r.Header.Get("X-Request-ID"), answer.Error.Request)
	return answer.Error
}

// requireCommonHeaders checks the headers of every answer.
func requireCommonHeaders(t *testing.T, r reply) {
	t.Helper()
	require.Regexp(t, `^[0-9a-f-]{36}$`, r.Header.Get("X-Correlation-ID"))
	require.Regexp(t, `^[0-9a-f-]{36}$`, r.Header.Get("X-Request-ID"))
	require.Regexp(t, `^[0-9a-f]{32}$`, r.Header.Get("X-Trace-Id"))
	require.Equal(t, "nosniff", r.Header.Get("X-Content-Type-Options"))
	require.Equal(t, "no-store", r.Header.Get("Cache-Control"))
}
