package faults_test

import (
	"context"
	"errors"
	"maps"
	"net"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/harness"
)

// environment is the environment of a node: Redis, Kafka, topic and settings.
type environment struct {
	redis, kafka string
	topic        domain.Topic
	group        string
	vars         map[string]string
	// dial is the address at which the test reaches the broker; empty is the one that the broker tells.
	dial string
}

// newEnvironment creates a topic with fewer partitions than users, so that some users
// share a partition.
func newEnvironment(t *testing.T, redisURL, broker string, changes map[string]string) *environment {
	t.Helper()
	id := uuid.NewString()
	s := &environment{redis: redisURL, kafka: broker, topic: domain.Topic("notifications." + id), group: "websocket-" + id}
	s.vars = map[string]string{
		"ENVIRONMENT": "testing", "JWT_SECRET_KEY": harness.Secret, "WEBSOCKET_HOST": "127.0.0.1", "WEBSOCKET_PORT": "0",
		"REDIS_URL": redisURL, "KAFKA_BOOTSTRAP_SERVERS": broker, "KAFKA_CONSUMER_GROUP": s.group,
		"WEBSOCKET_DRAIN_NOTICE": "0", "WEBSOCKET_DRAIN_SPREAD": "0", "WEBSOCKET_REFUSED_TOKENS_PER_MINUTE": "0",
		// A stopped Redis is detected after two to three intervals.
		"WEBSOCKET_REDIS_PROBE_INTERVAL": "1", "REDIS_SOCKET_TIMEOUT": "2",
		// No entry is trimmed, and the sockets of a killed node count for 30 s.
		"NOTIFICATION_LOG_MAX": "20000", "WEBSOCKET_MAX_CONNECTIONS_PER_USER": "100",
	}
	maps.Copy(s.vars, changes)
	s.createTopic(t)
	return s
}

// transport returns the connections of the test to Kafka. The caller must close the idle ones.
func (s *environment) transport() *kafka.Transport {
	return &kafka.Transport{DialTimeout: time.Second, Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
		if s.dial != "" {
			addr = s.dial
		}
		return (&net.Dialer{}).DialContext(ctx, network, addr)
	}}
}

// createTopic creates the topic. It retries, because a broker can fail right after its start.
func (s *environment) createTopic(t *testing.T) {
	t.Helper()
	transport := s.transport()
	defer transport.CloseIdleConnections()
	client := &kafka.Client{Addr: kafka.TCP(s.kafka), Transport: transport}
	request := &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{
		{Topic: string(s.topic), NumPartitions: 3, ReplicationFactor: 1},
	}}
	require.Eventually(t, func() bool {
		response, err := client.CreateTopics(t.Context(), request)
		if err != nil {
			return false
		}
		refused := response.Errors[string(s.topic)]
		return refused == nil || errors.Is(refused, kafka.TopicAlreadyExists)
	}, waitLimit, 100*time.Millisecond, "create the topic")
}

// startNode starts the service in this process and returns its address when it is ready.
func (s *environment) startNode(t *testing.T) string {
	t.Helper()
	p := harness.StartNode(t, s.vars, s.topic)
	harness.AwaitReady(t, p.Addr)
	return p.Addr
}

// lag returns the number of records that the consumer group has not committed. It waits until
// there are none.
func (s *environment) lag(t *testing.T) (lag int64) {
	t.Helper()
	transport := s.transport()
	defer transport.CloseIdleConnections()
	client := &kafka.Client{Addr: kafka.TCP(s.kafka), Transport: transport}
	topic := string(s.topic)
	for end := time.Now().Add(waitLimit); time.Now().Before(end); sleep(t.Context(), time.Second) {
		ends, err := client.ListOffsets(t.Context(), &kafka.ListOffsetsRequest{Topics: map[string][]kafka.OffsetRequest{
			topic: {kafka.LastOffsetOf(0), kafka.LastOffsetOf(1), kafka.LastOffsetOf(2)},
		}})
		require.NoError(t, err)
		done, err := client.OffsetFetch(t.Context(), &kafka.OffsetFetchRequest{GroupID: s.group, Topics: map[string][]int{topic: {0, 1, 2}}})
		require.NoError(t, err)
		lag = 0
		for _, p := range ends.Topics[topic] {
			lag += p.LastOffset
		}
		for _, p := range done.Topics[topic] {
			lag -= max(0, p.CommittedOffset)
		}
		if lag == 0 {
			break
		}
	}
	return lag
}

// leases returns the number of connections that count for the limits of their users.
func (s *environment) leases(t *testing.T) (leases int64) {
	t.Helper()
	client := openRedis(t, s.redis)
	defer func() { _ = client.Close() }()
	ctx, cancel := context.WithTimeout(t.Context(), waitLimit)
	defer cancel()
	keys := client.Scan(ctx, 0, "wsquota:*", 10_000).Iterator()
	for keys.Next(ctx) {
		count, err := client.ZCard(ctx, keys.Val()).Result()
		require.NoError(t, err)
		leases += count
	}
	require.NoError(t, keys.Err())
	return leases
}
