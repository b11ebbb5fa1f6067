package faults_test

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/env"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/wire"
)

// stage is the servers under the service, and how to find them.
type stage struct {
	redis, kafka string
	topic        domain.Topic
	group        string
	vars         map[string]string
}

// newStage has a topic of its own, with fewer partitions than there are users,
// so that some users share one.
func newStage(t *testing.T, redisURL, broker string, changes map[string]string) *stage {
	t.Helper()
	id := uuid.NewString()
	s := &stage{redis: redisURL, kafka: broker, topic: domain.Topic("notifications." + id), group: "websocket-" + id}
	s.vars = map[string]string{
		"ENVIRONMENT": "testing", "JWT_SECRET_KEY": secret, "WEBSOCKET_HOST": "127.0.0.1", "WEBSOCKET_PORT": "0",
		"REDIS_URL": redisURL, "KAFKA_BOOTSTRAP_SERVERS": broker, "KAFKA_CONSUMER_GROUP": s.group,
		"WEBSOCKET_DRAIN_NOTICE": "0", "WEBSOCKET_DRAIN_SPREAD": "0", "WEBSOCKET_REFUSED_TOKENS_PER_MINUTE": "0",
		// A hang is noticed after two to three of these.
		"WEBSOCKET_REDIS_PROBE_INTERVAL": "1", "REDIS_SOCKET_TIMEOUT": "2",
		// Nothing is to be trimmed, and a killed node's places count for half a minute.
		"NOTIFICATION_LOG_MAX": "20000", "WEBSOCKET_MAX_CONNECTIONS_PER_USER": "100",
	}
	maps.Copy(s.vars, changes)
	s.create(t)
	return s
}

// create makes the topic. A broker may not answer well right after its start.
func (s *stage) create(t *testing.T) {
	t.Helper()
	transport := &kafka.Transport{}
	defer transport.CloseIdleConnections()
	client := &kafka.Client{Addr: kafka.TCP(s.kafka), Transport: transport}
	request := &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{
		{Topic: string(s.topic), NumPartitions: 3, ReplicationFactor: 1},
	}}
	require.Eventually(t, func() bool {
		answer, err := client.CreateTopics(t.Context(), request)
		if err != nil {
			return false
		}
		refused := answer.Errors[string(s.topic)]
		return refused == nil || errors.Is(refused, kafka.TopicAlreadyExists)
	}, patience, 100*time.Millisecond, "the topic cannot be created")
}

// node starts the service inside this process and returns once it takes
// notifications.
func (s *stage) node(t *testing.T) string {
	t.Helper()
	var c wire.WebSocketConfig
	require.NoError(t, env.Read(&c, s.vars))
	c.Kafka.Topic = s.topic
	p, release, err := wire.WebSocket(c, newLogs(t))
	require.NoError(t, err)
	t.Cleanup(release)
	p.Start()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := p.Stop(ctx); err != nil {
			t.Logf("the node did not stop cleanly: %v", err)
		}
	})
	awaitReady(t, p.Addr)
	return p.Addr
}

// logs keeps what a node wrote and shows the end of it when its test fails.
type logs struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func newLogs(t *testing.T) *logs {
	t.Helper()
	l := &logs{}
	t.Cleanup(func() {
		const shown = 6 << 10
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
