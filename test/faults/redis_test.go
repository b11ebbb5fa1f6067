package faults_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/test/servers"
)

// users is how many people listen in each fault.
const users = 4

// settle is how long messages flow before and after a fault.
const settle = time.Second

// confirmed asks one replica to have a notification before it counts as kept.
func confirmed() map[string]string { return map[string]string{"NOTIFICATION_LOG_MIN_REPLICAS": "1"} }

// TestRedisKilled: with an append-only file it loses nothing that it confirmed.
func TestRedisKilled(t *testing.T) {
	t.Parallel()
	r := servers.OwnRedis(t, "--appendonly", "yes")
	redisFault(t, newStage(t, r.URL(), servers.Kafka(t), nil), "Redis killed (AOF)", func() {
		r.Kill()
		<-time.After(during(5*time.Second, 2*time.Second))
		r.Start()
	})
}

// TestRedisStopped: connections stay, and nobody answers.
func TestRedisStopped(t *testing.T) {
	t.Parallel()
	r := servers.OwnRedis(t)
	long := during(10*time.Second, 6*time.Second)
	redisFault(t, newStage(t, r.URL(), servers.Kafka(t), nil), "Redis stopped", func() {
		r.Pause()
		<-time.After(long)
		r.Resume()
	})
}

// TestSentinelFailover: the master is killed and stays away.
func TestSentinelFailover(t *testing.T) {
	t.Parallel()
	s := servers.OwnSentinel(t)
	redisFault(t, newStage(t, s.URL(), servers.Kafka(t), confirmed()), "Sentinel: master killed", func() {
		old := s.Master()
		old.Kill()
		require.Eventually(t, func() bool { return s.Master() != old }, patience, 50*time.Millisecond)
	})
}

// TestClusterNodeKilled: the master with most of the node's subscriptions is
// killed. Its replica takes over and has none of its own to confirm, so for
// those users kept notifications wait until it is back.
func TestClusterNodeKilled(t *testing.T) {
	t.Parallel()
	c := servers.OwnCluster(t)
	redisFault(t, newStage(t, c.URL(), servers.Kafka(t), confirmed()), "Cluster: a master killed", func() {
		node := c.Subscribed("wsctl:probe:*")
		node.Kill()
		<-time.After(6 * time.Second)
		node.Start()
	})
}

// redisFault holds what is promised when Redis is in trouble: sockets stay, the
// node says that it is not ready, everybody gets messages again and is told of
// the gap.
func redisFault(t *testing.T, s *stage, name string, fault func()) {
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
	require.Zero(t, got.incomplete)
	require.True(t, readiness.said("503"), "the node must say that it is deaf")
	require.Positive(t, got.resyncs, "no gap is silent")
}
