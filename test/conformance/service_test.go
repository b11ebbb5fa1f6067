package conformance_test

import (
	"context"
	"io"
	"maps"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/harness"
	"github.com/huleedu/edge/test/pause"
	"github.com/huleedu/edge/test/world"
	"github.com/huleedu/edge/wire"
)

// scenario is a client with its environment.
type scenario struct {
	*client

	redis    *world.Redis
	platform *world.Platform
	topic    domain.Topic
	vars     map[string]string
}

// newScenario starts a client, and Redis, Kafka and the platform in this process.
func newScenario(t *testing.T, kind string) *scenario {
	t.Helper()
	s := &scenario{client: start(t, kind), topic: domain.Topic("notifications." + uuid.NewString())}
	var err error
	s.redis, err = world.StartRedis("")
	require.NoError(t, err)
	t.Cleanup(s.redis.Close)
	kafka, err := world.StartKafka("")
	require.NoError(t, err)
	t.Cleanup(kafka.Close)
	s.platform, err = world.StartPlatform(world.PlatformConfig{
		KafkaAddr: kafka.Addr(), RedisURL: s.redis.URL(), NotificationTopic: s.topic, Group: uuid.NewString(),
	})
	require.NoError(t, err)
	t.Cleanup(s.platform.Close)
	s.vars = map[string]string{
		"ENVIRONMENT": "testing", "JWT_SECRET_KEY": harness.Secret, "WEBSOCKET_HOST": "127.0.0.1", "WEBSOCKET_PORT": "0",
		"REDIS_URL": s.redis.URL(), "KAFKA_BOOTSTRAP_SERVERS": kafka.Addr(), "KAFKA_CONSUMER_GROUP": uuid.NewString(),
		"WEBSOCKET_DRAIN_NOTICE": "0", "WEBSOCKET_DRAIN_SPREAD": "0", "CORS_ORIGINS": `["` + s.origin + `"]`,
	}
	return s
}

// startNode starts a notification service with changed settings and waits until it is ready.
func (s *scenario) startNode(t *testing.T, changes map[string]string) *wire.Process {
	t.Helper()
	vars := maps.Clone(s.vars)
	maps.Copy(vars, changes)
	p := harness.StartNode(t, vars, s.topic)
	harness.AwaitReady(t, "http://"+p.Addr, "ready")
	return p
}

// startNodeWithoutServers starts a notification service that answers only for itself.
func startNodeWithoutServers(t *testing.T) *wire.Process {
	t.Helper()
	return harness.StartNode(t, map[string]string{
		"ENVIRONMENT": "testing", "JWT_SECRET_KEY": harness.Secret, "WEBSOCKET_HOST": "127.0.0.1", "WEBSOCKET_PORT": "0",
		"REDIS_URL": "redis://127.0.0.1:1", "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1", "WEBSOCKET_DRAIN_NOTICE": "0",
	}, "notifications")
}

// stop stops a service before the end of the test.
func stop(t *testing.T, p *wire.Process) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), waitLimit)
	defer cancel()
	require.NoError(t, p.Stop(ctx))
}

func socketURL(p *wire.Process) string { return "ws://" + p.Addr + "/ws" }

// get returns the body of a response of the service.
func get(t *testing.T, p *wire.Process, path string) string {
	t.Helper()
	transport := &http.Transport{DisableKeepAlives: true}
	res, err := (&http.Client{Transport: transport, Timeout: waitLimit}).Get("http://" + p.Addr + path)
	require.NoError(t, err)
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return string(text)
}

// newUser returns a unique user id.
func newUser() string { return "teacher-" + uuid.NewString() }

// token returns a token that expires after life.
func token(user string, life time.Duration) string {
	c := harness.Claims(user)
	c["exp"] = time.Now().Add(life).Unix()
	return harness.Sign(c)
}

// proxy is a TCP proxy between client and service. It can inject bytes that a client's API
// cannot send, and slow down the transfer to the client.
type proxy struct {
	slow     atomic.Bool // limits the transfer to the client to 16 KiB per millisecond
	listener net.Listener
	mu       sync.Mutex
	target   string
	pipes    []net.Conn
	group    sync.WaitGroup
}

func newProxy(t *testing.T, p *wire.Process) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	w := &proxy{listener: l, target: p.Addr}
	w.group.Go(w.serve)
	t.Cleanup(func() {
		_ = l.Close()
		w.closeAll()
		w.group.Wait()
	})
	return w
}

// address returns the address of the service.
func (w *proxy) address() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.target
}

// forwardTo forwards new connections to another service.
func (w *proxy) forwardTo(p *wire.Process) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.target = p.Addr
}

func (w *proxy) url() string { return "ws://" + w.listener.Addr().String() + "/ws" }

func (w *proxy) eventsURL() string { return "http://" + w.listener.Addr().String() + "/events" }

func (w *proxy) serve() {
	for {
		client, err := w.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", w.address())
		if err != nil {
			_ = client.Close()
			continue
		}
		// A small buffer: data in the kernel's buffer counts as sent.
		_ = server.(*net.TCPConn).SetReadBuffer(256 << 10)
		w.mu.Lock()
		w.pipes = append(w.pipes, server, client)
		w.mu.Unlock()
		w.group.Go(func() { forward(server, client) })
		w.group.Go(func() { forward(client, slowConn{server, &w.slow}) })
	}
}

// slowConn is a connection that can be slowed down.
type slowConn struct {
	net.Conn

	slow *atomic.Bool
}

func (s slowConn) Read(p []byte) (int, error) {
	if s.slow.Load() {
		pause.For(time.Millisecond, "the rate of the slow connection is the input")
		p = p[:min(len(p), 16<<10)]
	}
	return s.Conn.Read(p)
}

// forward copies one direction until it ends and then closes that direction.
func forward(to, from net.Conn) {
	_, _ = io.Copy(to, from)
	_ = to.(*net.TCPConn).CloseWrite()
}

// inject writes bytes to the service on the only open connection.
func (w *proxy) inject(t *testing.T, b ...byte) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	_, err := w.pipes[0].Write(b)
	require.NoError(t, err)
}

// closeAll closes all connections.
func (w *proxy) closeAll() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.pipes {
		_ = c.Close()
	}
}

// publish publishes texts on a Redis channel in one pipeline.
func (s *scenario) publish(t *testing.T, channel string, texts ...string) {
	t.Helper()
	o, err := goredis.ParseURL(s.redis.URL())
	require.NoError(t, err)
	c := goredis.NewClient(o)
	defer func() { _ = c.Close() }()
	_, err = c.Pipelined(t.Context(), func(p goredis.Pipeliner) error {
		for _, text := range texts {
			p.Publish(t.Context(), channel, text)
		}
		return nil
	})
	require.NoError(t, err)
}
