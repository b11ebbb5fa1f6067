package servers_test

import (
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/test/servers"
)

// answers tells whether something accepts connections.
func answers(address string) bool {
	c, err := net.DialTimeout("tcp", address, time.Second)
	if err != nil {
		return false
	}
	return c.Close() == nil
}

func TestOwnKafkaGoesAndComesBack(t *testing.T) {
	b := servers.OwnKafka(t)
	require.True(t, answers(b.Addr()))
	b.Kill()
	require.False(t, answers(b.Addr()))
	b.Start()
	require.True(t, answers(b.Addr()))
	b.Stop()
	require.False(t, answers(b.Addr()))
}
