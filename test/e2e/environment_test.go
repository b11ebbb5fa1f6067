package e2e_test

import (
	"cmp"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/harness"
	"github.com/huleedu/edge/test/world"
	"github.com/huleedu/edge/wire"
)

// waitLimit limits the wait for an event. Only a failing test uses it up.
const waitLimit = harness.WaitLimit

// environment is the platform with the servers and settings of the services under test.
type environment struct {
	backing

	platform *world.Platform
	// topic is used by this test only.
	topic domain.Topic
	vars  map[string]string
}

const internalKey = "e2e-internal-key"

// newEnvironment starts a platform whose notifications have their own topic.
func newEnvironment(t *testing.T, b backing) *environment {
	t.Helper()
	return newEnvironmentOn(t, b, domain.Topic("notifications."+uuid.NewString()))
}

// newEnvironmentOn starts a platform whose notifications are on the topic.
func newEnvironmentOn(t *testing.T, b backing, topic domain.Topic) *environment {
	t.Helper()
	id := uuid.NewString()
	s := &environment{backing: b, topic: topic}
	platform, err := world.StartPlatform(world.PlatformConfig{
		KafkaAddr: b.kafka, RedisURL: b.redis, InternalKey: internalKey, Pace: 200 * time.Millisecond,
		NotificationTopic: s.topic, Group: "orchestrator-" + id,
	})
	require.NoError(t, err)
	t.Cleanup(platform.Close)
	s.platform = platform
	s.vars = harness.Settings(harness.PlatformSettings(platform, internalKey), map[string]string{
		"REDIS_URL": b.redis, "KAFKA_BOOTSTRAP_SERVERS": b.kafka, "KAFKA_CONSUMER_GROUP": "websocket-" + id,
		// All clients have the same address and send many requests.
		"API_GATEWAY_RATE_LIMIT_REFUSED": "100000", "WEBSOCKET_REFUSED_TOKENS_PER_MINUTE": "0",
		"API_GATEWAY_RATE_LIMIT_QUERIES": "100000",
	})
	return s
}

// settings returns the settings with changes.
func (s *environment) settings(changes map[string]string) map[string]string {
	vars := maps.Clone(s.vars)
	maps.Copy(vars, changes)
	return vars
}

// batch adds a batch of a new teacher to the platform.
func (s *environment) batch(essays int) (teacher string, id domain.BatchID) {
	unique := uuid.NewString()
	teacher, id = "teacher-"+unique, domain.BatchID("batch-"+unique)
	s.platform.AddBatch(world.Batch{ID: id, Owner: domain.UserID(teacher), Essays: essays})
	return teacher, id
}

// redisClient returns a client of Redis, with which other services publish messages.
func (s *environment) redisClient(t *testing.T) *goredis.Client {
	t.Helper()
	o, err := goredis.ParseURL(s.redis)
	require.NoError(t, err)
	c := goredis.NewClient(o)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// service is a running gateway or notification service in this process.
type service struct {
	*wire.Process
}

func (s service) http(path string) string { return "http://" + s.Addr + path }

// admin returns a URL of the listener for operators.
func (s service) admin(path string) string {
	if s.AdminAddr == "" {
		return s.http(path)
	}
	return "http://" + s.AdminAddr + path
}

func (s service) ws() string { return "ws://" + s.Addr + "/ws" }

// gateway starts an API gateway with its production adapters.
func (s *environment) gateway(t *testing.T, vars map[string]string) service {
	t.Helper()
	return service{harness.StartGateway(t, vars)}
}

// node starts a notification service with its production adapters and waits
// until it reads notifications from Kafka.
func (s *environment) node(t *testing.T, vars map[string]string) service {
	t.Helper()
	n := service{harness.StartNode(t, vars, s.topic)}
	n.awaitReady(t, "ready")
	return n
}

// awaitReady waits until the readiness of the service is the status: "ready", "degraded" or "503".
func (s service) awaitReady(t *testing.T, status string) {
	t.Helper()
	harness.AwaitReady(t, cmp.Or(s.AdminAddr, s.Addr), status)
}

// awaitMetric waits until /metrics has the line.
func (s service) awaitMetric(t *testing.T, line string) {
	t.Helper()
	require.Eventually(t, func() bool {
		return strings.Contains(string(call(t, "GET", s.http("/metrics"), "", nil).body), "\n"+line+"\n")
	}, waitLimit, 20*time.Millisecond, "never %q", line)
}
