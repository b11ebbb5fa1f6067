package conformance_test

import (
	"bufio"
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
	"github.com/huleedu/edge/test/servers"
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
	slow     atomic.Bool // limits the transfer to the client to 16 KiB per millisecond
	listener net.Listener
	refused  chan struct{} // has an element after a connection was refused
	mu       sync.Mutex
	target   string // "" refuses new connections
	answer   string // of a refused connection
	ended    bool
	pipes    []net.Conn
	service  net.Conn // the service's end of the newest connection
	group    sync.WaitGroup
}

func newProxy(t *testing.T, p *wire.Process) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	w := &proxy{listener: l, target: p.Addr, refused: make(chan struct{}, 1)}
	w.group.Go(w.serve)
	t.Cleanup(func() {
		_ = l.Close()
		w.mu.Lock()
		w.ended = true
		w.mu.Unlock()
		w.closeAll()
		w.group.Wait()
	})
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

func (w *proxy) url() string { return "ws://" + w.listener.Addr().String() + "/ws" }

func (w *proxy) eventsURL() string { return "http://" + w.listener.Addr().String() + "/events" }

func (w *proxy) serve() {
	for {
		client, err := w.listener.Accept()
		if err != nil {
			return
		}
		w.group.Go(func() { w.connect(client) })
	}
}

// connect forwards a connection, or refuses it.
func (w *proxy) connect(client net.Conn) {
	w.mu.Lock()
	target, answer := w.target, w.answer
	w.mu.Unlock()
	w.keep(client)
	if target == "" {
		refuse(client, answer)
		select {
		case w.refused <- struct{}{}:
		default:
		}
		return
	}
	server, err := net.Dial("tcp", target)
	if err != nil {
		_ = client.Close()
		return
	}
	// A small buffer: data in the kernel's buffer counts as sent.
	_ = server.(*net.TCPConn).SetReadBuffer(256 << 10)
	w.keep(server)
	w.group.Go(func() { forward(server, client) })
	forward(client, slowConn{server, &w.slow})
}

// keep remembers a connection for closeAll, and closes it at the end of the test.
func (w *proxy) keep(c net.Conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pipes, w.service = append(w.pipes, c), c
	if w.ended {
		_ = c.Close()
	}
}

// refuse sends the answer, unless it is empty, and closes the connection.
func refuse(client net.Conn, answer string) {
	defer func() { _ = client.Close() }()
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
	_, err := w.service.Write(b)
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
