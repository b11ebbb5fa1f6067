package websocket_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/websocket"
	"github.com/huleedu/edge/domain"
)

func TestProblems(t *testing.T) {
	require.Empty(t, settings().Problems(domain.Production))
	c := settings()
	c.PongTimeout, c.SendQueueMessages = c.PingInterval, 0
	c.Origins = []string{"*", "https://a.example:8443", "localhost:5173", "http://a.example/"}
	problems := c.Problems(domain.Development)
	require.Len(t, problems, 3)
	for _, p := range problems {
		require.Equal(t, domain.ConfigurationError, domain.CodeOf(p))
	}
	require.Len(t, websocket.Config{}.Problems(domain.Development), 9)
}
