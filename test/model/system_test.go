package model_test

import (
	"context"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/harness"
	"github.com/huleedu/edge/test/servers"
	"github.com/huleedu/edge/test/world"
)

const (
	// logMax is the number of notifications that the service keeps for a user.
	logMax = 6
	// maxConnections is the limit of connections of a user.
	maxConnections = 3
	// disconnectChannel is the Redis channel of operators.
	disconnectChannel = "wsctl:disconnect"
)

// system is two nodes of the notification service with an embedded Redis and Kafka.
type system struct {
	t      *testing.T
	redis  *world.Redis
	vars   map[string]string
	nodes  [2]*harness.Program
	kafka  *kafka.Writer
	client *goredis.Client
}

func startSystem(t *testing.T) *system {
	t.Helper()
	broker := servers.EmbeddedKafka(t, string(domain.NotificationTopic))
	s := &system{t: t, redis: servers.EmbeddedRedis(t)}
	s.vars = harness.Settings(map[string]string{
		"REDIS_URL": s.redis.URL(), "KAFKA_BOOTSTRAP_SERVERS": broker.Addr(), "WEBSOCKET_REDIS_PROBE_INTERVAL": "0.5",
		"NOTIFICATION_LOG_MAX": "6", "WEBSOCKET_MAX_CONNECTIONS_PER_USER": "3",
	})
	transport := &kafka.Transport{}
	s.kafka = &kafka.Writer{
		Transport: transport, Addr: kafka.TCP(broker.Addr()), Topic: string(domain.NotificationTopic), Balancer: kafka.Murmur2Balancer{},
		BatchTimeout: time.Millisecond, RequiredAcks: kafka.RequireAll,
	}
	options, err := goredis.ParseURL(s.redis.URL())
	require.NoError(t, err)
	s.client = goredis.NewClient(options)
	t.Cleanup(func() {
		require.NoError(t, s.kafka.Close())
		transport.CloseIdleConnections()
		require.NoError(t, s.client.Close())
	})
	for i := range s.nodes {
		s.startNode(i)
	}
	return s
}

// startNode starts a node and waits until it is ready.
func (s *system) startNode(i int) {
	s.nodes[i] = harness.Start(s.t, "websocket", s.vars)
	s.awaitReady(i)
}

func (s *system) awaitReady(i int) { harness.AwaitReady(s.t, s.addr(i)) }

func (s *system) addr(i int) string { return s.nodes[i].Address(s.t) }

// publish sends one record to Kafka and waits for its confirmation.
func (s *system) publish(records ...kafka.Message) error {
	ctx, cancel := context.WithTimeout(context.Background(), harness.WaitLimit)
	defer cancel()
	return s.kafka.WriteMessages(ctx, records...)
}

// publishOnRedis publishes a message on a channel.
func (s *system) publishOnRedis(channel, message string) error {
	ctx, cancel := context.WithTimeout(context.Background(), harness.WaitLimit)
	defer cancel()
	return s.client.Publish(ctx, channel, message).Err()
}
