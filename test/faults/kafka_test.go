package faults_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/test/servers"
)

func TestKafkaKilled(t *testing.T) {
	t.Parallel()
	// A broker that crashed is let in again when its old session is over.
	k := servers.OwnKafka(t, "KAFKA_EXTRA=broker.session.timeout.ms=3000;broker.heartbeat.interval.ms=500")
	kafkaFault(t, newStage(t, servers.Redis(t), k.Addr(), nil), "Kafka killed", func() {
		k.Kill()
		<-time.After(during(5*time.Second, time.Second))
		k.Start()
	})
}

func TestKafkaStopped(t *testing.T) {
	t.Parallel()
	k := servers.OwnKafka(t)
	long := during(30*time.Second, 8*time.Second)
	kafkaFault(t, newStage(t, servers.Redis(t), k.Addr(), nil), "Kafka stopped", func() {
		k.Pause()
		<-time.After(long)
		k.Resume()
	})
}

// kafkaFault holds what is promised when Kafka is in trouble: sockets stay,
// direct messages go on, and the node says so while it stays ready.
func kafkaFault(t *testing.T, s *stage, name string, fault func()) {
	t.Helper()
	addr := s.node(t)
	crowd := gather(t, s, users, "ws://"+addr+"/ws")
	readiness := watchReadiness(t, addr)
	<-time.After(settle)
	began := time.Now()
	fault()
	name += ", " + seconds(time.Since(began))
	awaitReady(t, addr)
	crowd.awaitFlow(t)
	<-time.After(settle)
	readiness.stop()
	got := crowd.finish(t)
	got.row(t, name, readiness.story(began))
	got.check(t)
	require.Zero(t, got.reconnects, "sockets stay")
	require.Zero(t, got.resyncs+got.incomplete, "there is no gap")
	require.Equal(t, got.told, got.heard, "direct messages do not need Kafka")
	require.True(t, readiness.said("degraded"), "the node must say that it waits for Kafka")
	require.False(t, readiness.said("503"), "what all nodes share must not take them all out")
}
