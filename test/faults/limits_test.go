package faults_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/pause"
	"github.com/huleedu/edge/test/servers"
)

// TestRedisMemoryFull lets Redis reach its maxmemory: it refuses to store, and still publishes. Stored
// notifications wait on Kafka, direct messages go on, and no node leaves the balancer.
func TestRedisMemoryFull(t *testing.T) {
	t.Parallel()
	server := servers.OwnRedis(t, "--maxmemory-policy", "noeviction")
	s := newEnvironment(t, server.URL(), servers.Kafka(t), nil)
	client := openRedis(t, server.URL())
	t.Cleanup(func() { _ = client.Close() })
	got, readiness := measureOutage(t, s, "Redis reaches maxmemory", func() {
		require.NoError(t, client.ConfigSet(t.Context(), "maxmemory", "1").Err())
		pause.For(outageLength(10*time.Second, 3*time.Second), "the length of the outage is the input")
		require.NoError(t, client.ConfigSet(t.Context(), "maxmemory", "0").Err())
	})
	require.Zero(t, got.resyncs, "there is no gap")
	require.Equal(t, got.directSent, got.directReceived, "direct messages need no memory")
	require.False(t, readiness.observed("503"), "all nodes share Redis: none must leave the balancer")
}

// TestNodePaused stops one of two nodes for longer than Kafka keeps a silent member, and continues it,
// as a virtual machine that is moved. The other node takes over its partitions; each consumer may have
// the same record, and each client gets it once.
func TestNodePaused(t *testing.T) {
	t.Parallel()
	s := newEnvironment(t, servers.OwnRedis(t).URL(), servers.Kafka(t), nil)
	s.topic = domain.NotificationTopic // the program reads only this topic
	s.createTopic(t)
	p := startPair(t, "websocket", s.vars)
	clients := connectClients(t, s, users, p.front.url(), p.front.url())
	p.nodes[0].Pause(t)
	pause.For(outageLength(20*time.Second, 10*time.Second), "the length of the outage is the input")
	p.nodes[0].Resume(t)
	p.awaitUse(t, p.nodes[0])
	clients.awaitFlow(t)
	got := clients.finish(t)
	got.row(t, "One of two nodes paused", "in use again")
	got.check(t)
	require.Zero(t, got.incomplete)
}
