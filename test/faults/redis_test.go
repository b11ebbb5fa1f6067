package faults_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/test/harness"
	"github.com/huleedu/edge/test/pause"
	"github.com/huleedu/edge/test/servers"
)

// users is the number of users in each fault.
const users = 4

// settleTime is how long messages are exchanged before and after a fault.
const settleTime = time.Second

// requireReplica requires one replica to confirm a notification before it counts as stored.
func requireReplica() map[string]string {
	return map[string]string{"NOTIFICATION_LOG_MIN_REPLICAS": "1"}
}

// TestRedisKilled kills Redis with an append-only file, which keeps confirmed writes.
func TestRedisKilled(t *testing.T) {
	t.Parallel()
	r := servers.OwnRedis(t, "--appendonly", "yes")
	redisFault(t, newEnvironment(t, r.URL(), servers.Kafka(t), nil), "Redis killed (AOF)", func() {
		r.Kill()
		pause.For(outageLength(5*time.Second, 2*time.Second), "the length of the outage is the input")
		r.Start()
	})
}

// TestRedisStopped stops Redis: connections stay open without responses.
func TestRedisStopped(t *testing.T) {
	t.Parallel()
	r := servers.OwnRedis(t)
	long := outageLength(10*time.Second, 6*time.Second)
	redisFault(t, newEnvironment(t, r.URL(), servers.Kafka(t), nil), "Redis stopped", func() {
		r.Pause()
		pause.For(long, "the length of the outage is the input")
		r.Resume()
	})
}

// TestSentinelFailover kills the master, which does not return.
func TestSentinelFailover(t *testing.T) {
	t.Parallel()
	s := servers.OwnSentinel(t)
	redisFault(t, newEnvironment(t, s.URL(), servers.Kafka(t), requireReplica()), "Sentinel: master killed", func() {
		old := s.Master()
		old.Kill()
		require.Eventually(t, func() bool { return s.Master() != old }, waitLimit, 50*time.Millisecond)
	})
}

// TestClusterNodeKilled kills the master that has most of the node's subscriptions.
// Its replica becomes master without a replica of its own, so stored notifications
// for these users wait until the killed server is back.
func TestClusterNodeKilled(t *testing.T) {
	t.Parallel()
	c := servers.OwnCluster(t)
	redisFault(t, newEnvironment(t, c.URL(), servers.Kafka(t), requireReplica()), "Cluster: a master killed", func() {
		node := c.MostSubscribed("wsctl:probe:*")
		node.Kill()
		pause.For(6*time.Second, "the length of the outage is the input")
		node.Start()
	})
}

// redisFault checks the behaviour during a Redis outage: sockets stay open, the node
// is not ready, afterwards all users receive messages and are told of the gap.
func redisFault(t *testing.T, s *environment, name string, outage func()) {
	t.Helper()
	got, readiness := measureOutage(t, s, name, outage)
	require.True(t, readiness.observed("503"), "the node must report that it is not ready")
	require.Positive(t, got.resyncs, "each gap must be announced")
}

// measureOutage runs the outage while users of a new node receive messages. It checks that the sockets stay open and that no
// stored notification is lost, and returns the counts and the readiness of the node.
func measureOutage(t *testing.T, s *environment, name string, outage func()) (totals, *readinessWatch) {
	t.Helper()
	addr := s.startNode(t)
	clients := connectClients(t, s, users, "ws://"+addr+"/ws")
	readiness := watchReadiness(t, addr)
	pause.For(settleTime, "messages flow for some time before the fault")
	startedAt := time.Now()
	outage()
	name += ", " + seconds(time.Since(startedAt))
	harness.AwaitReady(t, addr)
	clients.awaitFlow(t)
	pause.For(settleTime, "messages flow for some time after the fault")
	readiness.stop()
	got := clients.finish(t)
	got.row(t, name, readiness.describe(startedAt))
	got.check(t)
	require.Zero(t, got.reconnects, "sockets stay open")
	require.Zero(t, got.incomplete, "no replay is incomplete")
	return got, readiness
}
