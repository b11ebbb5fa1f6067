package servers

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// clusterSize is the number of nodes: three masters with one replica each.
const clusterSize = 6

// Cluster is a Redis Cluster for one test: three masters with one replica each. A node is
// failed over when it does not respond for two seconds.
type Cluster struct {
	t testing.TB
	// Nodes contains all six nodes.
	Nodes []*RedisProcess
}

// OwnCluster starts a cluster and returns when all nodes report that it is complete.
func OwnCluster(t testing.TB, options ...string) *Cluster {
	t.Helper()
	requireRedisCLI(t)
	c := &Cluster{t: t}
	create := []string{"--cluster", "create"}
	for range clusterSize {
		// The default bus port, port+10000, is in the range of outgoing connections.
		member := []string{
			"--cluster-enabled", "yes", "--cluster-port", fmt.Sprint(freePorts(t)), "--cluster-config-file", "nodes.conf",
			"--cluster-node-timeout", "2000", "--repl-diskless-sync-delay", "0",
		}
		node := OwnRedis(t, append(member, options...)...)
		c.Nodes, create = append(c.Nodes, node), append(create, node.Addr())
	}
	create = append(create, "--cluster-replicas", "1", "--cluster-yes")
	out, err := exec.CommandContext(t.Context(), "redis-cli", create...).CombinedOutput()
	require.NoError(t, err, "%s", out)
	for _, node := range c.Nodes {
		require.Eventually(t, func() bool {
			role := node.query("INFO", "replication")
			return strings.Contains(node.query("CLUSTER", "INFO"), "cluster_state:ok") &&
				(strings.Contains(role, "master_link_status:up") || strings.Contains(role, "connected_slaves:1"))
		}, groupStartLimit, 50*time.Millisecond, "the cluster did not become complete")
	}
	return c
}

// URL returns a URL with all nodes.
func (c *Cluster) URL() string {
	var u strings.Builder
	u.WriteString(c.Nodes[0].URL())
	separator := "?"
	for _, node := range c.Nodes[1:] {
		u.WriteString(separator + "addr=" + node.Addr())
		separator = "&"
	}
	return u.String()
}

// MostSubscribed returns the node with the most subscribed channels that match the pattern.
func (c *Cluster) MostSubscribed(pattern string) *RedisProcess {
	c.t.Helper()
	var found *RedisProcess
	most := 0
	for _, node := range c.Nodes {
		if n := len(strings.Fields(node.query("PUBSUB", "CHANNELS", pattern))); n > most {
			found, most = node, n
		}
	}
	require.NotNil(c.t, found, "no subscription to %s", pattern)
	return found
}
