package tcp_test

import (
	"io"
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/test/tcp"
)

func TestProxyForwardsAndCloses(t *testing.T) {
	server := tcp.Serve(t, func(c net.Conn) { _, _ = io.Copy(c, c) })
	p := tcp.Forward(t, tcp.To(server))
	for range 2 {
		c, err := net.Dial("tcp", p.Addr)
		require.NoError(t, err)
		_, err = io.WriteString(c, "hello")
		require.NoError(t, err)
		echo := make([]byte, 5)
		_, err = io.ReadFull(c, echo)
		require.NoError(t, err)
		require.Equal(t, "hello", string(echo))
		p.CloseAll()
		_, err = c.Read(echo)
		require.Error(t, err)
		require.NoError(t, c.Close())
	}
	c, err := net.Dial("tcp", p.Addr) // the end of the test closes it
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
}
