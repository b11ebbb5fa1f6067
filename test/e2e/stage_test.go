package e2e_test

import (
	"bytes"
	"context"
	"maps"
	"strings"
	"sync"
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

// patience bounds the wait for anything that will happen; it is generous,
// because it is only ever used up by a failure.
const patience = 30 * time.Second

// stage is what stands around the services under test: servers, platform and
// the settings to find them.
type stage struct {
	backing

	platform *world.Platform
	// topic is the notifications' own to this test, so that nobody else's are
	// read.
	topic domain.Topic
	vars  map[string]string
}

const internalKey = "e2e-internal-key"

func newStage(t *testing.T, b backing) *stage {
	t.Helper()
	return newStageOn(t, b, domain.Topic("notifications."+uuid.NewString()))
}

// newStageOn is a stage whose notifications are on the topic.
func newStageOn(t *testing.T, b backing, topic domain.Topic) *stage {
	t.Helper()
	id := uuid.NewString()
	s := &stage{backing: b, topic: topic}
	platform, err := world.StartPlatform(world.PlatformConfig{
		KafkaAddr: b.kafka, RedisURL: b.redis, InternalKey: internalKey, Pace: 200 * time.Millisecond,
		NotificationTopic: s.topic, Group: "orchestrator-" + id,
	})
	require.NoError(t, err)
	t.Cleanup(platform.Close)
	s.platform = platform
	s.vars = map[string]string{
		"ENVIRONMENT": "testing", "JWT_SECRET_KEY": secret,
		"API_GATEWAY_HTTP_HOST": "127.0.0.1", "API_GATEWAY_HTTP_PORT": "0",
		"WEBSOCKET_HOST": "127.0.0.1", "WEBSOCKET_PORT": "0",
		"REDIS_URL": b.redis, "KAFKA_BOOTSTRAP_SERVERS": b.kafka, "KAFKA_CONSUMER_GROUP": "websocket-" + id,
		"API_GATEWAY_RESULT_AGGREGATOR_URL": platform.AggregatorURL(),
		"API_GATEWAY_BOS_URL":               platform.OrchestratorURL(),
		"API_GATEWAY_FILE_SERVICE_URL":      platform.FilesURL(),
		"API_GATEWAY_CMS_API_URL":           platform.ClassesURL(),
		"API_GATEWAY_BFF_TEACHER_URL":       platform.TeacherURL(),
		"HULEEDU_INTERNAL_API_KEY":          internalKey,
		"API_GATEWAY_DRAIN_NOTICE":          "0", "WEBSOCKET_DRAIN_NOTICE": "0", "WEBSOCKET_DRAIN_SPREAD": "0",
		// Everybody here has the same address, and looks more often than a person.
		"API_GATEWAY_RATE_LIMIT_REFUSED": "100000", "WEBSOCKET_REFUSED_TOKENS_PER_MINUTE": "0",
		"API_GATEWAY_RATE_LIMIT_QUERIES": "100000",
	}
	return s
}

// with returns the stage's settings with some of them changed.
func (s *stage) with(changes map[string]string) map[string]string {
	vars := maps.Clone(s.vars)
	maps.Copy(vars, changes)
	return vars
}

// batch makes a batch of a new teacher known.
func (s *stage) batch(essays int) (teacher string, id domain.BatchID) {
	unique := uuid.NewString()
	teacher, id = "teacher-"+unique, domain.BatchID("batch-"+unique)
	s.platform.AddBatch(world.Batch{ID: id, Owner: domain.UserID(teacher), Essays: essays})
	return teacher, id
}

// publisher is another service that speaks to users over Redis.
func (s *stage) publisher(t *testing.T) *goredis.Client {
	t.Helper()
	o, err := goredis.ParseURL(s.redis)
	require.NoError(t, err)
	c := goredis.NewClient(o)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// service is a running gateway, or node of the notification service.
type service struct {
	*wire.Process
}

func (s service) http(path string) string { return "http://" + s.Addr + path }

// admin is where operators ask.
func (s service) admin(path string) string {
	if s.AdminAddr == "" {
		return s.http(path)
	}
	return "http://" + s.AdminAddr + path
}

func (s service) ws() string { return "ws://" + s.Addr + "/ws" }

// gatewayConfig reads settings as the program does.
func gatewayConfig(t *testing.T, vars map[string]string) wire.GatewayConfig {
	t.Helper()
	var c wire.GatewayConfig
	require.NoError(t, env.Read(&c, vars))
	return c
}

// nodeConfig reads settings as the program does; the topic is the stage's.
func (s *stage) nodeConfig(t *testing.T, vars map[string]string) wire.WebSocketConfig {
	t.Helper()
	var c wire.WebSocketConfig
	require.NoError(t, env.Read(&c, vars))
	c.Kafka.Topic = s.topic
	return c
}

// gateway starts an API gateway on its production adapters.
func (s *stage) gateway(t *testing.T, vars map[string]string) service {
	t.Helper()
	logs := newLogs(t)
	p, release, err := wire.Gateway(gatewayConfig(t, vars), logs, wire.GatewayOverride{})
	require.NoError(t, err)
	t.Cleanup(release)
	return launch(t, p)
}

// node starts a notification service on its production adapters and waits
// until it takes notifications from Kafka.
func (s *stage) node(t *testing.T, vars map[string]string) service {
	t.Helper()
	p, release, err := wire.WebSocket(s.nodeConfig(t, vars), newLogs(t), wire.WebSocketOverride{})
	require.NoError(t, err)
	t.Cleanup(release)
	n := launch(t, p)
	n.awaitReady(t, "ready")
	return n
}

// launch starts a process, and stops it when the test ends.
func launch(t *testing.T, p *wire.Process) service {
	t.Helper()
	p.Start()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := p.Stop(ctx); err != nil {
			t.Logf("%s did not stop cleanly: %v", p.Name, err)
		}
	})
	return service{p}
}

// awaitReady waits for the word of /readyz; "" is not ready at all.
func (s service) awaitReady(t *testing.T, word string) {
	t.Helper()
	var last answer
	require.Eventually(t, func() bool {
		last = call(t, "GET", s.admin("/readyz"), "", nil)
		if word == "" {
			return last.status == 503
		}
		return last.status == 200 && last.members(t)["status"] == word
	}, patience, 20*time.Millisecond, "never %q: %s", word, &last)
}

// awaitMetric waits until /metrics has the line.
func (s service) awaitMetric(t *testing.T, line string) {
	t.Helper()
	require.Eventually(t, func() bool {
		return strings.Contains(string(call(t, "GET", s.http("/metrics"), "", nil).body), "\n"+line+"\n")
	}, patience, 20*time.Millisecond, "never %q", line)
}

// logs keeps what a process wrote and shows the end of it when its test fails.
type logs struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func newLogs(t *testing.T) *logs {
	t.Helper()
	l := &logs{}
	t.Cleanup(func() {
		const shown = 4 << 10
		if text := l.String(); t.Failed() {
			t.Log(text[max(0, len(text)-shown):])
		}
	})
	return l
}

// Write keeps a line.
func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// String is everything so far.
func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
