package world_test

import (
	"context"
	"net"
	"testing"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/test/servers"
	"github.com/huleedu/edge/test/world"
)

func startKafka(t *testing.T, topics ...string) *world.Kafka {
	t.Helper()
	k := servers.EmbeddedKafka(t, topics...)
	return k
}

// writeRecord sends one record and returns the result within the limit.
func writeRecord(t *testing.T, k *world.Kafka, topic string, limit time.Duration) error {
	t.Helper()
	transport := &kafkago.Transport{}
	defer transport.CloseIdleConnections()
	w := &kafkago.Writer{
		Addr: kafkago.TCP(k.Addr()), Topic: topic, BatchSize: 1, MaxAttempts: 1, RequiredAcks: kafkago.RequireAll,
		Transport: transport, WriteTimeout: limit, ReadTimeout: limit, AllowAutoTopicCreation: true,
	}
	defer func() { require.NoError(t, w.Close()) }()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	return w.WriteMessages(ctx, kafkago.Message{Value: []byte("hello")})
}

func TestKafkaServesItsTopics(t *testing.T) {
	k := startKafka(t, "known")
	require.NoError(t, writeRecord(t, k, "known", 5*time.Second))
	require.NoError(t, writeRecord(t, k, "made.on.first.use", 5*time.Second))
}

func TestKafkaInterruptsAndResumes(t *testing.T) {
	k := startKafka(t, "known")
	for name, leave := range map[string]func(){"hang": k.Hang, "cut": k.Disconnect} {
		leave()
		require.Error(t, writeRecord(t, k, "known", 300*time.Millisecond), name)
		k.Resume()
		require.NoError(t, writeRecord(t, k, "known", 5*time.Second), name)
	}
}

func TestKafkaFailsWrites(t *testing.T) {
	k := startKafka(t, "known", "other")
	refusal := k.FailWrites("known")
	require.ErrorContains(t, writeRecord(t, k, "known", time.Second), "Not Enough Replicas")
	require.NoError(t, refusal.WaitHit(t.Context()))
	require.NoError(t, writeRecord(t, k, "other", 5*time.Second))
	refusal.Remove()
	require.NoError(t, writeRecord(t, k, "known", 5*time.Second))
}

func TestKafkaStaysOnLoopback(t *testing.T) {
	for _, addr := range []string{"0.0.0.0:0", ":0", "192.0.2.1:9092", "127.0.0.1", "127.0.0.1:x"} {
		_, err := world.StartKafka(addr)
		require.Error(t, err, addr)
	}
	k, err := world.StartKafka("127.0.0.1:0")
	require.NoError(t, err)
	defer k.Close()
	host, _, err := net.SplitHostPort(k.Addr())
	require.NoError(t, err)
	require.Equal(t, "127.0.0.1", host)
}
