package e2e_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/world"
)

// TestRedisOutage checks that connections stay open, the node is not ready, new ones are refused with a reason,
// and no client has an unannounced gap afterwards.
func TestRedisOutage(t *testing.T) {
	t.Parallel()
	onTransports(t, onEachRedis, func(t *testing.T, via transport, b backing) {
		s := newEnvironment(t, b)
		gateway, node := s.gateway(t, s.vars), s.node(t, s.vars)
		teacher := domain.UserID("teacher-" + uuid.NewString())
		stays := via.connect(t, node.Addr, string(teacher))
		require.NoError(t, s.platform.PublishDirect(t.Context(), teacher, "before", nil))
		require.Equal(t, "before", stays.next(t).Event)

		lost := time.Now()
		b.stopRedis()
		node.awaitReady(t, "503")
		require.Equal(t, "CONNECTION_ERROR", via.refused(t, node.Addr, "another-teacher"))
		away := call(t, "GET", node.http("/healthz/redis"), "", nil)
		require.Equal(t, 503, away.status)
		require.Equal(t, "unhealthy", away.object(t)["status"])
		require.Equal(t, 200, call(t, "GET", node.http("/healthz"), "", nil).status)
		require.Eventually(t, func() bool {
			return health(t, gateway).Dependencies.Redis.Status != "healthy"
		}, waitLimit, 50*time.Millisecond)
		// The record waits on Kafka.
		require.NoError(t, s.platform.Notify(t.Context(), teacher, world.NotificationRequestOf("batch_results_ready")))

		b.startRedis()
		node.awaitReady(t, "ready")
		checkResync(t, stays.next(t), lost)
		redis := s.redisClient(t)
		require.Eventually(t, func() bool {
			return redis.XLen(t.Context(), "wslog:{"+string(teacher)+"}").Val() == 1
		}, waitLimit, 50*time.Millisecond, "the record is consumed after the outage")
		require.NoError(t, s.platform.PublishDirect(t.Context(), teacher, "after", nil))
		require.Equal(t, "batch_results_ready", stays.next(t).Event, "direct or replayed")
		require.Equal(t, "after", stays.next(t).Event, "the connection stays open")
	})
}

// checkResync checks the announcement of the time from which messages may be missing.
func checkResync(t *testing.T, f frame, lost time.Time) {
	t.Helper()
	require.Equal(t, "resync", f.Event)
	require.Equal(t, "subscription_gap", f.Data["reason"])
	since, err := time.Parse(time.RFC3339Nano, f.Data["since"].(string))
	require.NoError(t, err)
	require.WithinDuration(t, lost, since, 10*time.Second)
	require.False(t, since.After(lost.Add(time.Second)), "not later than the outage")
}

// TestKafkaOutage checks that an unconfirmed command is answered with 503 in time, that both services stay
// ready but degraded, and that both recover.
func TestKafkaOutage(t *testing.T) {
	t.Parallel()
	onEachKafka(t, func(t *testing.T, b backing) {
		s := newEnvironment(t, b)
		gateway := s.gateway(t, s.settings(map[string]string{"API_GATEWAY_KAFKA_PUBLISH_TIMEOUT": "1"}))
		require.Equal(t, "healthy", kafkaOf(t, gateway, "ready").Status, "from the first request")
		require.Equal(t, "healthy", health(t, gateway).Status)
		node := s.node(t, s.vars)
		teacher, batch := s.batch(1)
		socket := connect(t, node.ws(), as(teacher))

		b.stopKafka()
		for range 2 {
			began := time.Now()
			a, err := callUnchecked(t, "POST", gateway.http(pipelinesPath(batch)), pipelineBody("spellcheck"), as(teacher))
			took := time.Since(began)
			require.NoError(t, err)
			f := a.failure(t, 503, "KAFKA_PUBLISH_ERROR")
			require.Equal(t, map[string]any{"topic": string(domain.CommandTopic)}, f.Details)
			require.NotEmpty(t, a.header.Get("Retry-After"))
			require.Less(t, took, 2*time.Second)
		}
		require.Equal(t, 200, call(t, "GET", gateway.http(statusPath(batch)), "", as(teacher)).status, "status requests succeed")
		node.awaitMetric(t, "notification_consumer_degraded 1")
		for _, p := range []service{node, gateway} {
			p.awaitReady(t, "degraded")
			require.Equal(t, "degraded", kafkaOf(t, p, "degraded").Status)
		}
		require.Eventually(t, func() bool {
			return kafkaOf(t, gateway, "degraded").Note == "No broker answers; commands are refused"
		}, waitLimit, 50*time.Millisecond)
		h := health(t, gateway)
		require.Equal(t, "degraded", h.Status)
		require.Contains(t, h.Dependencies.Downstream.Note, "kafka (No broker answers")
		checkStartWithoutKafka(t, s)
		require.NoError(t, s.platform.PublishDirect(t.Context(), domain.UserID(teacher), "direct", nil))
		require.Equal(t, "direct", socket.next(t).Event, "direct messages arrive")

		b.resumeKafka()
		node.awaitReady(t, "ready")
		node.awaitMetric(t, "notification_consumer_degraded 0")
		other, fresh := s.batch(1)
		listening := connect(t, node.ws(), as(other))
		require.Eventually(t, func() bool {
			return call(t, "POST", gateway.http(pipelinesPath(fresh)), pipelineBody("spellcheck"), as(other)).status == 202
		}, waitLimit, 100*time.Millisecond)
		require.Equal(t, "batch_processing_started", listening.next(t).Event)
		gateway.awaitReady(t, "ready")
		require.Equal(t, "healthy", health(t, gateway).Status)
	})
}

// checkStartWithoutKafka checks that a gateway starts without Kafka and reports it at once.
func checkStartWithoutKafka(t *testing.T, s *environment) {
	t.Helper()
	gateway := s.gateway(t, s.vars)
	began := time.Now()
	require.Equal(t, "degraded", kafkaOf(t, gateway, "degraded").Status)
	require.Less(t, time.Since(began), 3*time.Second)
	require.Equal(t, "degraded", health(t, gateway).Status)
}

// dependency is the state of a dependency in /readyz and /healthz.
type dependency struct{ Status, Note string }

// kafkaOf returns the state of Kafka in /readyz, whose own status must be word.
func kafkaOf(t *testing.T, s service, word string) dependency {
	t.Helper()
	a := call(t, "GET", s.http("/readyz"), "", nil)
	require.Equal(t, 200, a.status, "an outage of Kafka makes no node unready: %s", &a)
	var body struct {
		Status       string
		Dependencies map[string]dependency
	}
	require.NoError(t, json.Unmarshal(a.body, &body))
	require.Equal(t, word, body.Status, "%s", &a)
	require.Contains(t, body.Dependencies, "kafka")
	return body.Dependencies["kafka"]
}
