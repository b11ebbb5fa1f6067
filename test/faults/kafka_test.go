package faults_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/test/pause"
	"github.com/huleedu/edge/test/servers"
)

func TestKafkaKilled(t *testing.T) {
	t.Parallel()
	// A broker can register again only after its old session has expired.
	k := servers.OwnKafka(t, "KAFKA_EXTRA=broker.session.timeout.ms=3000;broker.heartbeat.interval.ms=500")
	kafkaFault(t, newEnvironment(t, servers.Redis(t), k.Addr(), nil), "Kafka killed", func() {
		k.Kill()
		pause.For(outageLength(5*time.Second, time.Second), "the length of the outage is the input")
		k.Start()
	})
}

func TestKafkaStopped(t *testing.T) {
	t.Parallel()
	k := servers.OwnKafka(t)
	long := outageLength(30*time.Second, 8*time.Second)
	kafkaFault(t, newEnvironment(t, servers.Redis(t), k.Addr(), nil), "Kafka stopped", func() {
		k.Pause()
		pause.For(long, "the length of the outage is the input")
		k.Resume()
	})
}

// kafkaFault checks the behaviour during a Kafka outage: sockets stay open, direct
// messages are delivered, and the node is degraded but ready.
func kafkaFault(t *testing.T, s *environment, name string, outage func()) {
	t.Helper()
	got, readiness := measureOutage(t, s, name, outage)
	require.Zero(t, got.resyncs, "there is no gap")
	require.Equal(t, got.directSent, got.directReceived, "direct messages do not need Kafka")
	require.True(t, readiness.observed("degraded"), "the node must report degraded")
	require.False(t, readiness.observed("503"), "an outage of Kafka must not make all nodes unready")
}
