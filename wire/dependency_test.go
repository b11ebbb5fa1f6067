package wire

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/huleedu/edge/adapters/env"
	"github.com/huleedu/edge/adapters/jwt"
	"github.com/huleedu/edge/adapters/memory"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/servers"
)

// contactLimit limits the wait for the first connection of a production adapter.
const contactLimit = 20 * time.Second

// dependency is a server that only records that a client has connected.
type dependency struct {
	*httptest.Server

	contacted chan struct{}
}

func newDependency(t *testing.T) *dependency {
	t.Helper()
	d := &dependency{Server: httptest.NewUnstartedServer(http.NotFoundHandler()), contacted: make(chan struct{})}
	var once sync.Once
	d.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			once.Do(func() { close(d.contacted) })
		}
	}
	d.Start()
	t.Cleanup(d.Close)
	return d
}

// overrideCase overrides all ports on one dependency. $HOST in a setting is the address
// of the dependency.
type overrideCase[O any] struct {
	vars     map[string]string
	override O
	// path is requested with the token, so that the dependency is used.
	path string
	// listed is the name in /readyz; empty if it is not listed there.
	listed string
	// task is the name of the background work; empty if there is none.
	task string
	// atStop reports that the dependency is first used when the process stops.
	atStop bool
}

func TestOverriddenGatewayDependencyIsNotUsed(t *testing.T) {
	platform := memory.NewPlatform()
	for name, c := range map[string]overrideCase[GatewayOverride]{
		"token keys": {
			vars: map[string]string{"JWT_ALGORITHM": "ES256", "JWT_JWKS_URL": "http://$HOST"}, override: GatewayOverride{Tokens: anyToken{}},
			listed: "token_keys", task: "token keys",
		},
		"redis": {
			vars: map[string]string{"REDIS_URL": "redis://$HOST"}, listed: "redis", task: "rate limits",
			override: GatewayOverride{Limiter: memory.NewRateLimiter(), Idempotency: memory.NewIdempotency(), Registered: memory.NewRegistrations()},
		},
		"platform": {
			vars:     map[string]string{"API_GATEWAY_RESULT_AGGREGATOR_URL": "http://$HOST", "API_GATEWAY_BOS_URL": "http://$HOST"},
			override: GatewayOverride{Batches: platform, Preflight: platform, Registry: platform}, listed: "downstream_services",
		},
		"kafka": {
			vars: map[string]string{"KAFKA_BOOTSTRAP_SERVERS": "$HOST"}, override: GatewayOverride{Commands: platform},
			listed: "kafka", task: "kafka health",
		},
		"classes": {
			vars: map[string]string{"API_GATEWAY_CMS_API_URL": "http://$HOST"}, path: "/v1/classes/a",
			override: GatewayOverride{Classes: http.NewFileTransport(http.Dir("."))}, listed: "class_management",
		},
		"teacher": {
			vars: map[string]string{"API_GATEWAY_BFF_TEACHER_URL": "http://$HOST"}, path: "/bff/v1/teacher/a",
			override: GatewayOverride{Teacher: http.NewFileTransport(http.Dir("."))}, listed: "bff_teacher",
		},
		"collector": {
			vars: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://$HOST"}, atStop: true, path: "/v1/test/no-auth",
			override: GatewayOverride{Tracing: noop.NewTracerProvider()},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			checkOverride(t, c, Gateway)
		})
	}
}

func TestOverriddenWebSocketDependencyIsNotUsed(t *testing.T) {
	bus := memory.NewBus()
	for name, c := range map[string]overrideCase[WebSocketOverride]{
		"token keys": {
			vars: map[string]string{"JWT_ALGORITHM": "ES256", "JWT_JWKS_URL": "http://$HOST"}, override: WebSocketOverride{Tokens: anyToken{}},
			listed: "token_keys", task: "token keys",
		},
		"redis": {
			vars: map[string]string{"REDIS_URL": "redis://$HOST"}, listed: "subscription", task: "connection quota",
			override: WebSocketOverride{Quota: memory.NewQuota(1), Listener: bus, Notifications: bus, History: bus},
		},
		"kafka": {
			vars: map[string]string{"KAFKA_BOOTSTRAP_SERVERS": "$HOST"}, override: WebSocketOverride{Consume: consumeNothing}, listed: "kafka",
		},
		"collector": {
			vars: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://$HOST"}, atStop: true, path: "/ws",
			override: WebSocketOverride{Tracing: noop.NewTracerProvider()},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			checkOverride(t, c, WebSocket)
		})
	}
}

// checkOverride runs a service twice. The dependency must be used in production and
// must not be used with the override.
func checkOverride[C, O any](t *testing.T, c overrideCase[O], build func(C, io.Writer, O) (*Process, func(), error)) {
	t.Helper()
	var production O
	used, unused := newDependency(t), newDependency(t)
	p, stop := startService(t, c.settings(t, used), production, build)
	require.Equal(t, c.listed != "", lists(t, p, c.listed))
	require.Equal(t, c.task != "", runs(p, c.task))
	get(t, p, c.path)
	if c.atStop {
		stop()
	}
	select {
	case <-used.contacted:
	case <-time.After(contactLimit):
		require.Fail(t, "production does not use the dependency")
	}
	stop()

	p, stop = startService(t, c.settings(t, unused), c.override, build)
	require.False(t, lists(t, p, c.listed))
	require.False(t, runs(p, c.task))
	get(t, p, c.path)
	stop()
	select {
	case <-unused.contacted:
		require.Fail(t, "the overridden dependency was used")
	default: // the process has ended: it cannot connect any more
	}
}

// settings returns the variables of a service whose dependency is d.
func (c overrideCase[O]) settings(t *testing.T, d *dependency) map[string]string {
	t.Helper()
	redis := servers.EmbeddedRedis(t)
	vars := map[string]string{
		"ENVIRONMENT": "testing", "JWT_SECRET_KEY": dependencySecret, "REDIS_URL": redis.URL(), "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
		"OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
		"API_GATEWAY_HTTP_HOST":       "127.0.0.1", "API_GATEWAY_HTTP_PORT": "0", "API_GATEWAY_DRAIN_NOTICE": "0",
		"WEBSOCKET_HOST": "127.0.0.1", "WEBSOCKET_PORT": "0", "WEBSOCKET_DRAIN_NOTICE": "0", "WEBSOCKET_DRAIN_SPREAD": "0",
	}
	for name, value := range c.vars {
		vars[name] = strings.ReplaceAll(value, "$HOST", d.Listener.Addr().String())
	}
	return vars
}

const dependencySecret = "8fJq2LzX7vRwK0tYbN4mDcHsGpEu9aWi"

// startService builds and starts a service. stop stops and releases it once.
func startService[C, O any](t *testing.T, vars map[string]string, o O, build func(C, io.Writer, O) (*Process, func(), error)) (p *Process, stop func()) {
	t.Helper()
	var cfg C
	require.NoError(t, env.Read(&cfg, vars))
	p, release, err := build(cfg, io.Discard, o)
	require.NoError(t, err)
	p.Start()
	stop = sync.OnceFunc(func() {
		_ = p.Stop(t.Context()) // fails where a dependency does not answer
		release()
	})
	t.Cleanup(stop)
	return p, stop
}

// runs reports whether the process has a task of that name.
func runs(p *Process, name string) bool {
	return slices.ContainsFunc(p.tasks, func(one *task) bool { return one.name == name })
}

// lists reports whether the readiness of the process lists the dependency.
func lists(t *testing.T, p *Process, name string) bool {
	t.Helper()
	return slices.ContainsFunc(p.readiness.Check(t.Context()).Dependencies, func(h domain.Health) bool { return h.Name == name })
}

// get requests a path as a user.
func get(t *testing.T, p *Process, path string) {
	t.Helper()
	now := time.Now()
	token, err := jwt.Mint(jwt.Config{Algorithm: "HS256", SecretKey: dependencySecret, Audience: "huleedu-platform", Issuer: "huleedu-identity-service"},
		jwt.Claims{User: "teacher-anna", Issued: now, Expires: now.Add(time.Hour)})
	require.NoError(t, err)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+p.Addr+path, http.NoBody)
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+token)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(req)
	require.NoError(t, err)
	_, err = io.Copy(io.Discard, res.Body)
	require.NoError(t, errors.Join(err, res.Body.Close()))
}
