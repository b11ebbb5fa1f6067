package world_test

import (
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/test/world"
)

func TestKafkaStaysOnLoopback(t *testing.T) {
	for _, addr := range []string{"0.0.0.0:0", ":0", "192.0.2.1:9092", "127.0.0.1", "127.0.0.1:x"} {
		_, err := world.StartKafka(addr)
		require.Error(t, err, addr)
	}
	k, err := world.StartKafka("127.0.0.1:0")
	require.NoError(t, err)
	defer k.Close()
	host, _, err := net.SplitHostPort(k.Addr())
	require.NoError(t, err)
	require.Equal(t, "127.0.0.1", host)
}

func TestEmbeddedRedisStaysOnLoopback(t *testing.T) {
	for _, addr := range []string{"0.0.0.0:0", ":0", "nowhere", "10.0.0.1:0"} {
		_, err := world.StartRedis(addr)
		require.Error(t, err, addr)
	}
}
