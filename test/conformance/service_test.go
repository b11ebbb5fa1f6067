package conformance_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
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

	"github.com/huleedu/edge/adapters/env"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/world"
	"github.com/huleedu/edge/wire"
)

// secret signs the tokens of these tests.
const secret = "conformance-0123456789-0123456789"

// scene is a client and what it connects to.
type scene struct {
	*client

	redis    *world.Redis
	platform *world.Platform
	topic    domain.Topic
	vars     map[string]string
}

// newScene starts a client of the kind, and Redis, Kafka and the platform in
// this process.
func newScene(t *testing.T, kind string) *scene {
	t.Helper()
	s := &scene{client: start(t, kind), topic: domain.Topic("notifications." + uuid.NewString())}
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
		"ENVIRONMENT": "testing", "JWT_SECRET_KEY": secret, "WEBSOCKET_HOST": "127.0.0.1", "WEBSOCKET_PORT": "0",
		"REDIS_URL": s.redis.URL(), "KAFKA_BOOTSTRAP_SERVERS": kafka.Addr(), "KAFKA_CONSUMER_GROUP": uuid.NewString(),
		"WEBSOCKET_DRAIN_NOTICE": "0", "WEBSOCKET_DRAIN_SPREAD": "0", "CORS_ORIGINS": `["` + s.origin + `"]`,
	}
	return s
}

// node starts a notification service, some settings changed, and waits until it
// takes notifications.
func (s *scene) node(t *testing.T, changes map[string]string) *wire.Process {
	t.Helper()
	vars := maps.Clone(s.vars)
	maps.Copy(vars, changes)
	var c wire.WebSocketConfig
	require.NoError(t, env.Read(&c, vars))
	c.Kafka.Topic = s.topic
	p, release, err := wire.WebSocket(c, io.Discard)
	require.NoError(t, err)
	t.Cleanup(release)
	p.Start()
	t.Cleanup(func() { stop(t, p) })
	require.Eventually(t, func() bool { return get(t, p, "/readyz").Status == "ready" }, patience, 20*time.Millisecond)
	return p
}

func stop(t *testing.T, p *wire.Process) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := p.Stop(ctx); err != nil {
		t.Logf("%s did not stop cleanly: %v", p.Name, err)
	}
}

func socketOf(p *wire.Process) string { return "ws://" + p.Addr + "/ws" }

// page is an answer of the service over HTTP.
type page struct {
	Status string
	text   string
}

func get(t *testing.T, p *wire.Process, path string) page {
	t.Helper()
	transport := &http.Transport{DisableKeepAlives: true}
	res, err := (&http.Client{Transport: transport, Timeout: patience}).Get("http://" + p.Addr + path)
	require.NoError(t, err)
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	out := page{text: string(text)}
	_ = json.Unmarshal(text, &out) // metrics are none
	return out
}

// someone is a teacher nobody else uses.
func someone() string { return "teacher-" + uuid.NewString() }

// token is good for so long.
func token(user string, life time.Duration) string {
	part := func(v any) string {
		raw, err := json.Marshal(v)
		if err != nil {
			panic(err) // maps of plain values
		}
		return base64.RawURLEncoding.EncodeToString(raw)
	}
	text := part(map[string]any{"alg": "HS256", "typ": "JWT"}) + "." + part(map[string]any{
		"sub": user, "aud": "huleedu-platform", "iss": "huleedu-identity-service", "exp": time.Now().Add(life).Unix(),
	})
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(text))
	return text + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// tap is a wire between client and service into which bytes can be put, as if
// the client had sent them: what no client's API would send. It can be a slow line.
type tap struct {
	slow     atomic.Bool // 16 KiB a millisecond, towards the client
	listener net.Listener
	target   string
	mu       sync.Mutex
	pipes    []net.Conn
	running  sync.WaitGroup
}

func newTap(t *testing.T, p *wire.Process) *tap {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	w := &tap{listener: l, target: p.Addr}
	w.running.Go(w.serve)
	t.Cleanup(func() {
		_ = l.Close()
		w.cut()
		w.running.Wait()
	})
	return w
}

func (w *tap) url() string { return "ws://" + w.listener.Addr().String() + "/ws" }

func (w *tap) serve() {
	for {
		client, err := w.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", w.target)
		if err != nil {
			_ = client.Close()
			continue
		}
		// Little is under way on a slow line: what the kernel holds counts as sent.
		_ = server.(*net.TCPConn).SetReadBuffer(256 << 10)
		w.mu.Lock()
		w.pipes = append(w.pipes, server, client)
		w.mu.Unlock()
		w.running.Go(func() { pass(server, client) })
		w.running.Go(func() { pass(client, slowed{server, &w.slow}) })
	}
}

// slowed is the reading end of a line that may be slow.
type slowed struct {
	net.Conn

	slow *atomic.Bool
}

func (s slowed) Read(p []byte) (int, error) {
	if s.slow.Load() {
		<-time.After(time.Millisecond)
		p = p[:min(len(p), 16<<10)]
	}
	return s.Conn.Read(p)
}

// pass copies one direction to its end, which the other side then sees.
func pass(to, from net.Conn) {
	_, _ = io.Copy(to, from)
	_ = to.(*net.TCPConn).CloseWrite()
}

// inject puts bytes on the way to the service; a single connection is open.
func (w *tap) inject(t *testing.T, b ...byte) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	_, err := w.pipes[0].Write(b)
	require.NoError(t, err)
}

// cut ends every connection.
func (w *tap) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.pipes {
		_ = c.Close()
	}
}

// publish says something on a channel of Redis, as operators and other services
// do; several texts come at once.
func (s *scene) publish(t *testing.T, channel string, texts ...string) {
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
