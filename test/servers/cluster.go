package servers

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// clusterSize is three masters and a replica of each.
const clusterSize = 6

// Cluster is a Redis Cluster of three masters with a replica each that one
// test has for itself. A node is given up when it does not answer for two
// seconds.
type Cluster struct {
	t testing.TB
	// Nodes are all six.
	Nodes []*RedisProcess
}

// OwnCluster starts it and returns when every node says that it is whole.
func OwnCluster(t testing.TB, options ...string) *Cluster {
	t.Helper()
	needClient(t)
	c := &Cluster{t: t}
	create := []string{"--cluster", "create"}
	for range clusterSize {
		// The bus would take the port plus 10000, which outgoing connections use.
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
			role := node.tell("INFO", "replication")
			return strings.Contains(node.tell("CLUSTER", "INFO"), "cluster_state:ok") &&
				(strings.Contains(role, "master_link_status:up") || strings.Contains(role, "connected_slaves:1"))
		}, groupPatience, 50*time.Millisecond, "the cluster does not become whole")
	}
	return c
}

// URL names all nodes.
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

// Subscribed is the node on which most channels of the pattern are subscribed.
func (c *Cluster) Subscribed(pattern string) *RedisProcess {
	c.t.Helper()
	var found *RedisProcess
	most := 0
	for _, node := range c.Nodes {
		if n := len(strings.Fields(node.tell("PUBSUB", "CHANNELS", pattern))); n > most {
			found, most = node, n
		}
	}
	require.NotNil(c.t, found, "nobody subscribes to %s", pattern)
	return found
}
