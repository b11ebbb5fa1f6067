package faults_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/test/harness"
	"github.com/huleedu/edge/test/servers"
)

// TestClusterCopiesEveryMessage measures what docs/scale.md calculates with: in a cluster each node,
// also a replica, gets a copy of each message that is published on any node with PUBLISH, also
// without subscribers. A message of SPUBLISH stays within its shard.
func TestClusterCopiesEveryMessage(t *testing.T) {
	t.Parallel()
	c := servers.OwnCluster(t)
	nodes := make([]*goredis.Client, len(c.Nodes))
	for i, n := range c.Nodes {
		options, err := goredis.ParseURL(n.URL())
		require.NoError(t, err)
		nodes[i] = goredis.NewClient(options)
		t.Cleanup(func() { _ = nodes[i].Close() })
	}
	count := harness.Count(20_000, 1_000)
	classic := measureCopies(t, nodes, count, "PUBLISH")
	require.Equal(t, count*(len(nodes)-1), classic, "PUBLISH is copied to every other node")
	sharded := measureCopies(t, nodes, count, "SPUBLISH")
	require.Equal(t, count, sharded, "SPUBLISH is copied only to the replica of its shard")
}

// measureCopies publishes messages on the first node and returns how many copies other nodes got.
// It prints the CPU time of all nodes for a message.
func measureCopies(t *testing.T, nodes []*goredis.Client, count int, command string) int {
	t.Helper()
	channel := channelOf(t, nodes[0])
	copies, cpu := clusterCopies(t, nodes), clusterCPU(t, nodes)
	message := `{"event":"direct","data":{"text":"` + strings.Repeat("x", 300) + `"}}`
	for sent := 0; sent < count; sent += 100 {
		_, err := nodes[0].Pipelined(t.Context(), func(p goredis.Pipeliner) error {
			for range 100 {
				p.Do(t.Context(), command, channel, message)
			}
			return nil
		})
		require.NoError(t, err)
	}
	var got int
	for last := -1; got != last; { // the copies of the last messages arrive
		last = got
		sleep(t.Context(), 300*time.Millisecond)
		got = clusterCopies(t, nodes) - copies
	}
	var each strings.Builder
	for i, now := range clusterCPU(t, nodes) {
		fmt.Fprintf(&each, " %.1f", (now-cpu[i])/float64(count)*1e6)
	}
	t.Logf("%s: %d messages, %d copies on the cluster bus; CPU of each node in µs a message:%s", command, count, got, each.String())
	return got
}

// channelOf returns a channel whose slot the node serves.
func channelOf(t *testing.T, node *goredis.Client) string {
	t.Helper()
	for n := 0; ; n++ {
		channel := "ws:" + strconv.Itoa(n)
		if err := node.Do(t.Context(), "SPUBLISH", channel, "").Err(); err == nil {
			return channel
		} else if !strings.HasPrefix(err.Error(), "MOVED") {
			require.NoError(t, err)
		}
	}
}

// clusterCopies returns how many messages of other nodes all nodes have received.
func clusterCopies(t *testing.T, nodes []*goredis.Client) (copies int) {
	t.Helper()
	for _, n := range nodes {
		info, err := n.ClusterInfo(t.Context()).Result()
		require.NoError(t, err)
		copies += int(infoValue(info, "cluster_stats_messages_publish_received") + infoValue(info, "cluster_stats_messages_publishshard_received"))
	}
	return copies
}

// clusterCPU returns the CPU time of each node in seconds.
func clusterCPU(t *testing.T, nodes []*goredis.Client) (out []float64) {
	t.Helper()
	for _, n := range nodes {
		info, err := n.Info(t.Context(), "cpu").Result()
		require.NoError(t, err)
		out = append(out, infoValue(info, "used_cpu_sys")+infoValue(info, "used_cpu_user"))
	}
	return out
}

// infoValue returns a number of an INFO reply; 0 if it is missing.
func infoValue(info, name string) float64 {
	for line := range strings.Lines(info) {
		if text, found := strings.CutPrefix(strings.TrimSpace(line), name+":"); found {
			value, _ := strconv.ParseFloat(text, 64)
			return value
		}
	}
	return 0
}
