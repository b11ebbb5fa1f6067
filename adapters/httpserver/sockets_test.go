package httpserver_test

import (
	"context"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/huleedu/edge/adapters/httpserver"
	"github.com/huleedu/edge/adapters/internal/httpreason"
	"github.com/huleedu/edge/app"
	"github.com/huleedu/edge/app/delivery"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// tick is the interval of a check without an event.
const tick = 5 * time.Millisecond

// threeSockets is a connection manager with three sockets.
type threeSockets struct{}

func (threeSockets) Send(domain.Message) int            { return 0 }
func (threeSockets) Total() int                         { return 3 }
func (threeSockets) CloseUser(domain.UserID, error) int { return 0 }
func (threeSockets) Drain(context.Context) error        { return nil }

type upgradeFunc func(http.ResponseWriter, *http.Request) (delivery.Handshake, error)

// newSocketEnvironment returns a notification service that is served until the test ends.
// upgrade serves sockets and streams.
func newSocketEnvironment(t *testing.T, upgrade upgradeFunc, redis ports.HealthProbe, changes ...func(*httpserver.WebSocketConfig)) *environment {
	t.Helper()
	w := &environment{}
	own := probe{Name: "subscription", Condition: domain.Healthy, Note: "alive"}
	w.ready = app.NewReadiness([]ports.HealthProbe{own}, []ports.HealthProbe{probe{Name: "kafka", Condition: domain.Unhealthy, Note: "no broker"}})
	w.ready.Enter(app.Serving)
	config := httpserver.WebSocketConfig{
		Host: "127.0.0.1", Origins: []string{"http://localhost:5173"}, Credentials: true, Methods: []string{"GET"}, Headers: []string{"*"},
		TrustedProxies: "127.0.0.1",
	}
	for _, adjust := range changes {
		adjust(&config)
	}
	server, err := httpserver.NewWebSocket(httpserver.WebSocketParts{
		Config: config, Environment: domain.Development, Upgrade: upgrade, Stream: upgrade,
		Managers: []ports.ConnectionManager{threeSockets{}, threeSockets{}}, SocketsPerUser: 5, Readiness: w.ready,
		Observer: &w.facts, Tracing: noop.NewTracerProvider(), Log: w.logger(),
		Operators: app.NewOperators(app.OperatorsParts{Readiness: w.ready, Connections: []ports.ConnectionLister{oneConnection{}}}),
		Metrics:   http.NotFoundHandler(), Redis: redis, RedisAddress: "redis://***:***@host:6379",
	})
	require.NoError(t, err)
	w.serve(t, server)
	return w
}

// hijacking switches the protocol and sends "bye".
func hijacking(w http.ResponseWriter, _ *http.Request) (delivery.Handshake, error) {
	header := w.Header().Clone()
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return delivery.Handshake{}, domain.Unknown(err)
	}
	defer func() { _ = conn.Close() }()
	var head strings.Builder
	_ = header.Write(&head)
	_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+head.String()+"\r\nbye")
	return delivery.Handshake{User: "u1"}, nil
}

const handshake = " HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX-Correlation-ID: " + canonical + "\r\n\r\n"

func TestUpgrade(t *testing.T) {
	t.Parallel()
	w := newSocketEnvironment(t, hijacking, nil)
	w.Retire() // a handshake in flight must not announce the close
	for _, path := range []string{"/ws", "/ws/"} {
		answer := sendRaw(t, w.Addr(), "GET "+path+"?token=secret"+handshake)
		assert.Contains(t, answer, "HTTP/1.1 101 ")
		assert.Contains(t, answer, "X-Correlation-Id: "+canonical, "the 101 has the ids")
		assert.Contains(t, answer, "X-Request-Id: ")
		assert.Contains(t, answer, "X-Trace-Id: ")
		assert.NotContains(t, answer, "Connection: close")
		assert.True(t, strings.HasSuffix(answer, "bye"))
	}
	require.Eventually(t, func() bool { return len(w.served()) == 2 }, tick*1000, tick)
	assert.ElementsMatch(t, []domain.RequestServed{ // observed after the switch, in any order
		{Method: "GET", Endpoint: "/ws", Status: 101},
		{Method: "GET", Endpoint: "/ws/", Status: 101},
	}, w.served())
	assert.NotContains(t, w.log.String(), "secret")
	assert.NotContains(t, w.log.String(), "hijacked", "there is no write after the switch")
}

// TestConnectionsAreLoggedWithTheirUser checks that the line of a handshake and of a stream has
// the user, also of a stream that is refused after the token.
func TestConnectionsAreLoggedWithTheirUser(t *testing.T) {
	t.Parallel()
	w := newSocketEnvironment(t, func(rw http.ResponseWriter, r *http.Request) (delivery.Handshake, error) {
		if r.URL.Query().Has("full") {
			return delivery.Handshake{User: "u1"}, domain.TooManyConnections(5)
		}
		return hijacking(rw, r)
	}, nil)
	for target, line := range map[string]string{
		"/ws":          `"path":"/ws","status":101`,
		"/events":      `"path":"/events","status":200`,
		"/events?full": `"path":"/events","status":429`,
	} {
		c := dial(t, w.Addr(), "GET "+target+handshake)
		c.send("GET / HTTP/1.0\r\n\r\n") // closes the connection behind an answer by HTTP
		c.rest()
		logged := func() bool {
			return slices.ContainsFunc(w.log.Lines(), func(l string) bool {
				return strings.Contains(l, line) && strings.Contains(l, `"user_id":"u1"`)
			})
		}
		require.Eventually(t, logged, tick*1000, tick, "%s: %s", line, &w.log)
	}
}

// TestUpgradeWithABody checks that bytes after the header belong to the socket, although the
// header announces a body.
func TestUpgradeWithABody(t *testing.T) {
	t.Parallel()
	w := newSocketEnvironment(t, hijacking, nil)
	for _, body := range []string{"Content-Length: 5", "Transfer-Encoding: chunked"} {
		answer := sendRaw(t, w.Addr(), "GET /ws HTTP/1.1\r\n"+body+strings.TrimPrefix(handshake, " HTTP/1.1"))
		assert.Contains(t, answer, "HTTP/1.1 101 ")
		assert.True(t, strings.HasSuffix(answer, "bye"))
	}
	require.Eventually(t, func() bool { return len(w.served()) == 2 }, tick*1000, tick)
	assert.Never(t, func() bool { return strings.Contains(w.log.String(), "panic") }, 100*tick, tick)
}

func TestRefusedUpgrade(t *testing.T) {
	t.Parallel()
	refusal := make(chan error, 1)
	w := newSocketEnvironment(t, func(http.ResponseWriter, *http.Request) (delivery.Handshake, error) {
		return delivery.Handshake{}, <-refusal
	}, nil)
	for status, err := range map[int]error{
		503: domain.Unavailable("websocket_service", 2*time.Second),
		403: domain.Forbidden("Origin not allowed", nil),
		400: domain.Invalid("last_event_id", "x", "a position", "Invalid position"),
		500: assert.AnError,
		426: &domain.Error{Code: domain.InvalidRequest, Reason: httpreason.UpgradeRequired, Message: "m"},
	} {
		refusal <- err
		r := call(t, http.MethodGet, w.base+"/ws", "")
		requireErrorOf(t, domain.WebSocketService, r, status, domain.CodeOf(err))
	}
	r := call(t, http.MethodHead, w.base+"/ws", "")
	assert.Equal(t, 426, r.StatusCode)
	assert.Equal(t, "websocket", r.Header.Get("Upgrade"))
	assert.Equal(t, "13", r.Header.Get("Sec-WebSocket-Version"))
	assert.Equal(t, 405, call(t, http.MethodPost, w.base+"/ws", "").StatusCode)
}

func TestUpgradeThatPanics(t *testing.T) {
	t.Parallel()
	w := newSocketEnvironment(t, func(http.ResponseWriter, *http.Request) (delivery.Handshake, error) { panic("x") }, nil)
	requireErrorOf(t, domain.WebSocketService, call(t, http.MethodGet, w.base+"/ws", ""), 500, domain.UnknownError)
}

func TestSocketHealth(t *testing.T) {
	t.Parallel()
	w := newSocketEnvironment(t, hijacking, probe{Name: "redis", Condition: domain.Healthy})
	r := call(t, http.MethodGet, w.base+"/healthz", "")
	require.Equal(t, 200, r.StatusCode)
	requireCommonHeaders(t, r)
	assert.Regexp(t, `^\{"service":"websocket_service","status":"healthy","message":"WebSocket Service is healthy","environment":"development",`+
		`"timestamp":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00","uptime_seconds":\d\}$`, r.body)
	r = call(t, http.MethodGet, w.base+"/healthz/redis", "")
	require.Equal(t, 200, r.StatusCode)
	assert.Equal(t, `{"service":"redis","status":"healthy","url":"redis://***:***@host:6379"}`, r.body)
	r = call(t, http.MethodGet, w.base+"/healthz/websocket", "")
	require.Equal(t, 200, r.StatusCode)
	assert.Equal(t, `{"service":"websocket_manager","status":"healthy","total_connections":6,"max_connections_per_user":5}`, r.body)
}

// countedProbe counts its calls.
type countedProbe struct{ called atomic.Int32 }

func (p *countedProbe) Health(context.Context) domain.Health {
	p.called.Add(1)
	return domain.Health{Name: "redis", Condition: domain.Healthy}
}

// TestRedisHealthIsReusedForASecond checks that many clients cause one call.
func TestRedisHealthIsReusedForASecond(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		redis := &countedProbe{}
		recent := httpserver.NewCachedProbe(redis)
		for range 3 {
			var clients sync.WaitGroup
			before := redis.called.Load()
			for range 50 {
				clients.Go(func() { recent.Health(t.Context()) })
			}
			clients.Wait()
			time.Sleep(999 * time.Millisecond)
			recent.Health(t.Context())
			assert.Equal(t, before+1, redis.called.Load())
			time.Sleep(time.Millisecond)
		}
	})
	redis := &countedProbe{}
	w := newSocketEnvironment(t, hijacking, redis)
	for range 5 {
		require.Equal(t, 200, call(t, http.MethodGet, w.base+"/healthz/redis", "").StatusCode)
	}
	assert.LessOrEqual(t, redis.called.Load(), int32(2))
}

func TestRedisDown(t *testing.T) {
	t.Parallel()
	w := newSocketEnvironment(t, hijacking, probe{Name: "redis", Condition: domain.Unhealthy, Err: assert.AnError})
	r := call(t, http.MethodGet, w.base+"/healthz/redis", "")
	require.Equal(t, 503, r.StatusCode)
	requireCommonHeaders(t, r)
	assert.Equal(t, "1", r.Header.Get("Retry-After"))
	assert.Regexp(t, `^\{"service":"redis","status":"unhealthy","error":\{"code":"CONNECTION_ERROR","message":"Connection to redis failed",`+
		`"correlation_id":"[0-9a-f-]{36}","request_id":"[0-9a-f-]{36}","service":"websocket_service","timestamp":"[^"]*\+00:00","details":\{"target":"redis"\}\}\}$`, r.body)
	assert.Equal(t, []domain.RequestFailed{{Endpoint: "/healthz/redis", Code: domain.ConnectionError}}, w.failed())
}

func TestSocketReadiness(t *testing.T) {
	t.Parallel()
	w := newSocketEnvironment(t, hijacking, nil)
	r := call(t, http.MethodGet, w.base+"/readyz", "")
	require.Equal(t, 200, r.StatusCode)
	assert.Equal(t, `{"service":"websocket_service","status":"degraded","dependencies":{"kafka":{"status":"unhealthy","note":"no broker"},`+
		`"subscription":{"status":"healthy","note":"alive"}}}`, r.body)
	w.ready.Enter(app.Draining)
	r = call(t, http.MethodGet, w.base+"/readyz", "")
	requireErrorOf(t, domain.WebSocketService, r, 503, domain.ServiceUnavailable)
}

// TestNodeWithAnUnhealthyComponentIsNotReady checks that an unhealthy part of the node makes it
// unready.
func TestNodeWithAnUnhealthyComponentIsNotReady(t *testing.T) {
	t.Parallel()
	w := newEnvironment(t, func(w *environment, p *httpserver.GatewayParts) {
		w.ready = app.NewReadiness([]ports.HealthProbe{probe{Name: "subscription", Condition: domain.Unhealthy, Note: "not subscribed"}}, nil)
		w.ready.Enter(app.Serving)
		p.Readiness = w.ready
	})
	r := call(t, http.MethodGet, w.base+"/readyz", "")
	f := requireError(t, r, 503, domain.ServiceUnavailable)
	assert.Equal(t, "Service cannot do its work", f.Message)
	assert.Equal(t, map[string]any{"subscription": map[string]any{"status": "unhealthy", "note": "not subscribed"}}, f.Details["dependencies"])
}

func TestSocketRoutes(t *testing.T) {
	t.Parallel()
	var got []string
	for _, r := range newSocketEnvironment(t, hijacking, nil).Routes() {
		if r.Method == http.MethodGet {
			got = append(got, r.Path)
		}
	}
	assert.ElementsMatch(t, []string{"/ws", "/ws/", "/events", "/asyncapi", "/asyncapi.json", "/healthz", "/healthz/redis", "/healthz/websocket", "/readyz", "/metrics"}, got)
}

func TestUpgradeHasTheClientsNetwork(t *testing.T) {
	t.Parallel()
	networks := make(chan string, 1)
	w := newSocketEnvironment(t, func(_ http.ResponseWriter, r *http.Request) (delivery.Handshake, error) {
		networks <- domain.RequestContextOf(r.Context()).Network
		return delivery.Handshake{}, domain.RateLimited(100, time.Minute, 7*time.Second)
	}, probe{})
	r := call(t, http.MethodGet, w.base+"/ws", "", "X-Forwarded-For: 2001:db8::1, 198.51.100.7")
	requireErrorOf(t, domain.WebSocketService, r, 429, domain.RateLimit)
	assert.Equal(t, "7", r.Header.Get("Retry-After"))
	assert.Equal(t, "198.51.100.7", <-networks)
	assert.Contains(t, w.log.String(), `"client_address":"198.51.100.7","user_agent":"Go-http-client/1.1"`)

	c := httpserver.WebSocketConfig{TrustedProxies: "10.0.0.0/33"}
	require.Len(t, c.Problems(domain.Testing), 1)
}
