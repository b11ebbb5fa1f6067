package faults_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	goredis "github.com/redis/go-redis/v9"
	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/test/harness"
	"github.com/huleedu/edge/test/pause"
	"github.com/huleedu/edge/test/servers"
)

// TestRedisCost measures the CPU time of Redis with which docs/scale.md calculates: for a
// handshake, for an idle connection, for a stored notification and for a direct message.
func TestRedisCost(t *testing.T) {
	t.Parallel()
	if !harness.Full() {
		t.Skip("only with EDGE_TEST_FULL=1: it measures")
	}
	const connections, messages = 2000, 8000
	const idle = 20 * time.Second
	server := servers.OwnRedis(t)
	s := newEnvironment(t, server.URL(), servers.Kafka(t), nil)
	addr := s.startNode(t)
	options, err := goredis.ParseURL(server.URL())
	require.NoError(t, err)
	redis := goredis.NewClient(options)
	t.Cleanup(func() { _ = redis.Close() })
	cpu := func(action func()) (spent, took float64) {
		before, startedAt := clusterCPU(t, []*goredis.Client{redis})[0], time.Now()
		action()
		return clusterCPU(t, []*goredis.Client{redis})[0] - before, time.Since(startedAt).Seconds()
	}
	base, over := cpu(func() { pause.For(idle, "the time of the measurement") })
	t.Logf("Redis with one node and no connection: %.2f %% of a core", base/over*100)
	cost := func(what string, count int, action func()) {
		spent, took := cpu(action)
		t.Logf("%s: %.1f µs of Redis", what, (spent-base/over*took)/float64(count)*1e6)
	}
	var clients []*client
	cost("a handshake", connections, func() {
		for range connections {
			clients = append(clients, listen(t, "ws://"+addr+"/ws", "teacher-"+uuid.NewString()))
		}
		for _, k := range clients {
			require.Eventually(t, k.isConnected, waitLimit, 10*time.Millisecond)
		}
	})
	cost("an idle connection in 10 s", connections*int(idle/(10*time.Second)), func() { pause.For(idle, "the time of the measurement") })
	pub := s.publisher(t)
	cost("a stored notification", messages, func() {
		records := make([]kafka.Message, 0, messages)
		for n := range messages {
			records = append(records, harness.Notification(s.topic, clients[n%connections].user, uuid.NewString(), n/connections+1))
		}
		require.NoError(t, pub.kafka.WriteMessages(t.Context(), records...))
		for _, k := range clients {
			require.Eventually(t, func() bool { return k.storedCount() == messages/connections }, waitLimit, 10*time.Millisecond)
		}
	})
	cost("a direct message", messages, func() {
		for n := range messages {
			require.NoError(t, pub.redis.Publish(t.Context(), "ws:"+clients[n%connections].user, harness.DirectMessage(n/connections+1)).Err())
		}
	})
}
