package servers_test

import (
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/test/servers"
)

// accepts reports whether a server accepts connections.
func accepts(address string) bool {
	c, err := net.DialTimeout("tcp", address, time.Second)
	if err != nil {
		return false
	}
	return c.Close() == nil
}

func TestOwnKafkaRestarts(t *testing.T) {
	b := servers.OwnKafka(t)
	require.True(t, accepts(b.Addr()))
	b.Kill()
	require.False(t, accepts(b.Addr()))
	b.Start()
	require.True(t, accepts(b.Addr()))
	b.Stop()
	require.False(t, accepts(b.Addr()))
}
