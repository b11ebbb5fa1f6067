package conformance_test

import (
	"bufio"
	"context"
	"errors"
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
	"github.com/huleedu/edge/test/servers"
	"github.com/huleedu/edge/test/tcp"
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
	s.redis = servers.EmbeddedRedis(t)
	kafka := servers.EmbeddedKafka(t)
	var err error
	s.platform, err = world.StartPlatform(world.PlatformConfig{
		KafkaAddr: kafka.Addr(), RedisURL: s.redis.URL(), NotificationTopic: s.topic, Group: uuid.NewString(),
	})
	require.NoError(t, err)
	t.Cleanup(s.platform.Close)
	s.vars = harness.Settings(map[string]string{
		"REDIS_URL": s.redis.URL(), "KAFKA_BOOTSTRAP_SERVERS": kafka.Addr(), "KAFKA_CONSUMER_GROUP": uuid.NewString(),
		"CORS_ORIGINS": `["` + s.origin + `"]`,
	})
	return s
}

// startNode starts a notification service with changed settings and waits until it is ready.
func (s *scenario) startNode(t *testing.T, changes map[string]string) *wire.Process {
	t.Helper()
	vars := maps.Clone(s.vars)
	maps.Copy(vars, changes)
	p := harness.StartNode(t, vars, s.topic)
	harness.AwaitReady(t, p.Addr)
	return p
}

// startNodeWithoutServers starts a notification service that answers only for itself.
func startNodeWithoutServers(t *testing.T) *wire.Process {
	t.Helper()
	return harness.StartNode(t, harness.Settings(), "notifications")
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
	*tcp.Proxy

	slow    atomic.Bool   // limits the transfer to the client to 16 KiB per millisecond
	refused chan struct{} // has an element after a connection was refused
	mu      sync.Mutex
	target  string   // "" refuses new connections
	answer  string   // of a refused connection
	service net.Conn // the service's end of the newest connection
}

func newProxy(t *testing.T, p *wire.Process) *proxy {
	t.Helper()
	w := &proxy{target: p.Addr, refused: make(chan struct{}, 1)}
	w.Proxy = tcp.Forward(t, w.dial)
	return w
}

// forwardTo forwards new connections to another service.
func (w *proxy) forwardTo(p *wire.Process) { w.set(p.Addr, "") }

// refuse ends new connections without an answer. It is called before a service stops: another
// service of this program may get its port.
func (w *proxy) refuse() { w.set("", "") }

// answerUnavailable answers new requests with 503, as load balancers without a service do.
func (w *proxy) answerUnavailable() {
	w.set("", "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
}

func (w *proxy) set(target, answer string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.target, w.answer = target, answer
}

// awaitRefusal waits until a connection was refused since the last call.
func (w *proxy) awaitRefusal(t *testing.T) {
	t.Helper()
	select {
	case <-w.refused:
	case <-time.After(waitLimit):
		require.FailNow(t, "timeout: no connection was refused")
	}
}

func (w *proxy) url() string { return "ws://" + w.Addr + "/ws" }

func (w *proxy) eventsURL() string { return "http://" + w.Addr + "/events" }

var errRefused = errors.New("the proxy refuses connections")

// dial connects a client to the service, or refuses it.
func (w *proxy) dial(client net.Conn) (net.Conn, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.target == "" {
		refuse(client, w.answer)
		select {
		case w.refused <- struct{}{}:
		default:
		}
		return nil, errRefused
	}
	server, err := net.Dial("tcp", w.target)
	if err != nil {
		return nil, err
	}
	w.service = server
	conn := server.(*net.TCPConn)
	// A small buffer: data in the kernel's buffer counts as sent.
	_ = conn.SetReadBuffer(256 << 10)
	return slowConn{conn, &w.slow}, nil
}

// refuse sends the answer to the client's request, unless it is empty.
func refuse(client net.Conn, answer string) {
	if answer == "" {
		return
	}
	if _, err := http.ReadRequest(bufio.NewReader(client)); err == nil {
		_, _ = io.WriteString(client, answer) // the client may have left
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

// CloseWrite ends the direction to the service.
func (s slowConn) CloseWrite() error { return s.Conn.(*net.TCPConn).CloseWrite() }

// inject writes bytes to the service on the only open connection.
func (w *proxy) inject(t *testing.T, b ...byte) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	_, err := w.service.Write(b)
	require.NoError(t, err)
}

// publish publishes texts on a Redis channel.
func (s *scenario) publish(t *testing.T, channel string, texts ...string) {
	t.Helper()
	require.NoError(t, s.publishAll(t.Context(), channel, texts))
}

// publishAll publishes texts on a Redis channel in one pipeline.
func (s *scenario) publishAll(ctx context.Context, channel string, texts []string) error {
	o, err := goredis.ParseURL(s.redis.URL())
	if err != nil {
		return err
	}
	c := goredis.NewClient(o)
	defer func() { _ = c.Close() }()
	_, err = c.Pipelined(ctx, func(p goredis.Pipeliner) error {
		for _, text := range texts {
			p.Publish(ctx, channel, text)
		}
		return nil
	})
	return err
}
