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
func kafkaFault(t *testing.T, s *environment, name string, fault func()) {
	t.Helper()
	addr := s.startNode(t)
	clients := connectClients(t, s, users, "ws://"+addr+"/ws")
	readiness := watchReadiness(t, addr)
	pause.For(settleTime, "messages flow for some time before the fault")
	startedAt := time.Now()
	fault()
	name += ", " + seconds(time.Since(startedAt))
	awaitReady(t, addr)
	clients.awaitFlow(t)
	pause.For(settleTime, "messages flow for some time after the fault")
	readiness.stop()
	got := clients.finish(t)
	got.row(t, name, readiness.describe(startedAt))
	got.check(t)
	require.Zero(t, got.reconnects, "sockets stay open")
	require.Zero(t, got.resyncs+got.incomplete, "there is no gap")
	require.Equal(t, got.directSent, got.directReceived, "direct messages do not need Kafka")
	require.True(t, readiness.observed("degraded"), "the node must report degraded")
	require.False(t, readiness.observed("503"), "an outage of Kafka must not make all nodes unready")
}
