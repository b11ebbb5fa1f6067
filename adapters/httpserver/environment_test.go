package httpserver_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/huleedu/edge/adapters/httpserver"
	"github.com/huleedu/edge/adapters/memory"
	"github.com/huleedu/edge/app"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
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

// factRecorder keeps the observed facts.
type factRecorder struct {
	mu  sync.Mutex
	all []domain.Fact
}

func (f *factRecorder) Observe(fact domain.Fact) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.all = append(f.all, fact)
}

// factsOf returns the observed facts of one type, in their order.
func factsOf[T domain.Fact](f *factRecorder) []T {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []T
	for _, fact := range f.all {
		if one, ok := fact.(T); ok {
			out = append(out, one)
		}
	}
	return out
}

func (f *factRecorder) served() []domain.RequestServed {
	out := factsOf[domain.RequestServed](f)
	for i := range out {
		out[i].Duration = 0
	}
	return out
}

func (f *factRecorder) failed() []domain.RequestFailed { return factsOf[domain.RequestFailed](f) }

// calls returns the calls to services, without their durations.
func (f *factRecorder) calls() []domain.ServiceCalled {
	out := factsOf[domain.ServiceCalled](f)
	for i := range out {
		out[i].Duration = 0
	}
	return out
}

// logBuffer keeps the log.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// probe is a health probe with a fixed result.
type probe domain.Health

func (p probe) Health(context.Context) domain.Health { return domain.Health(p) }

// environment is a gateway on a real socket with a platform in memory.
type environment struct {
	*httpserver.Server
	base     string
	platform *memory.Platform
	// registered is what was registered here.
	registered *memory.Registrations
	facts      *factRecorder
	log        *logBuffer
	ready      *app.Readiness
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

// gatewayParts returns the parts of a gateway.
func gatewayParts(w *environment, client ports.BatchStatusClient, tp trace.TracerProvider) httpserver.GatewayParts {
	log := slog.New(slog.NewJSONHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	batches := app.NewBatches(client, slog.New(slog.DiscardHandler))
	return httpserver.GatewayParts{
		Config: gatewayConfig(), Environment: domain.Testing, Limiter: memory.NewRateLimiter(),
		Batches: batches,
		Pipelines: app.NewPipelines(app.PipelineParts{
			Batches: batches, Preflight: w.platform, Commands: w.platform, Idempotency: memory.NewIdempotency(), Registered: w.registered,
			IDs: app.IDs{New: func() string { return "e1" }, FromName: func(name string) string { return name }},
			Log: slog.New(slog.DiscardHandler),
		}),
		Registrations: app.NewRegistrations(w.platform, w.registered, log),
		StreamIdle:    time.Minute,
		Readiness:     w.ready, Observer: w.facts, Tracing: tp, Log: log,
		Metrics: http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(rw, "up 1\n") }),
	}
}

func newEnvironment(t testing.TB, changes ...func(*environment, *httpserver.GatewayParts)) *environment {
	t.Helper()
	w := &environment{
		platform: memory.NewPlatform(), registered: memory.NewRegistrations(), facts: &factRecorder{}, log: &logBuffer{},
		ready: app.NewReadiness(nil, []ports.HealthProbe{probe{Name: "kafka", Condition: domain.Healthy, Note: "connected"}}),
	}
	w.ready.Enter(app.Serving)
	p := gatewayParts(w, w.platform, noop.NewTracerProvider())
	for _, change := range changes {
		change(w, &p)
	}
	if p.Authentication == nil {
		p.Authentication = authentication(p, tokenValidator{})
	}
	server, err := httpserver.NewGateway(p)
	require.NoError(t, err)
	w.Server, w.base = server, "http://"+server.Addr()
	serve(t, server)
	return w
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

// reply is an answer whose body was read.
type reply struct {
	*http.Response
	body string
}

// call sends a request on a new connection. headers are "Name: value".
func call(t *testing.T, method, url, body string, headers ...string) reply {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	require.NoError(t, err)
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		request.Header.Add(name, value)
	}
	client := http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	response, err := client.Do(request)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return reply{response, string(text)}
}

// sendRaw sends bytes and returns everything that the server sends until it closes the
// connection.
func sendRaw(t testing.TB, address, request string) string {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	require.NoError(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
	_, err = io.WriteString(conn, request)
	require.NoError(t, err)
	answer, _ := io.ReadAll(conn) // a closed connection is a result too
	return string(answer)
}

// errorBody is the standard error.
type errorBody struct {
	Code        string         `json:"code"`
	Message     string         `json:"message"`
	Correlation string         `json:"correlation_id"`
	Request     string         `json:"request_id"`
	Service     string         `json:"service"`
	Timestamp   string         `json:"timestamp"`
	Details     map[string]any `json:"details"`
}

// requireStandardError checks that an answer has the standard form and the headers of every
// answer, and returns its error.
func requireStandardError(t *testing.T, r reply, service domain.Service) errorBody {
	t.Helper()
	requireCommonHeaders(t, r)
	require.Equal(t, "application/json", r.Header.Get("Content-Type"))
	require.Regexp(t, `^\{"error":\{"code":"[A-Z_]+","message":".*","correlation_id":"[0-9a-f-]{36}","request_id":"[0-9a-f-]{36}",`+
		`"service":"`+string(service)+`","timestamp":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00","details":\{.*\}\}\}$`, r.body)
	var answer struct{ Error errorBody }
	require.NoError(t, json.Unmarshal([]byte(r.body), &answer))
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
