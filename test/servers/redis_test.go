package servers_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/test/servers"
)

func TestOwnSentinelReturnsItsMaster(t *testing.T) {
	t.Parallel()
	s := servers.OwnSentinel(t)
	require.True(t, accepts(s.Master().Addr()))
	require.Equal(t, 2, strings.Count(s.URL(), "addr="))
}

func TestOwnClusterIsComplete(t *testing.T) {
	t.Parallel()
	c := servers.OwnCluster(t)
	require.Len(t, c.Nodes, 6)
	for _, node := range c.Nodes {
		require.Contains(t, c.URL(), node.Addr())
	}
}
