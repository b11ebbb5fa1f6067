package websocket_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/websocket"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
	"github.com/huleedu/edge/test/contract"
)

func harness() contract.ManagerHarness {
	return contract.ManagerHarness{New: func(t testing.TB) contract.ManagerNode {
		n := newNode(t, settings())
		return contract.ManagerNode{
			Manager: n.manager,
			Connect: func(user domain.UserID) (contract.ManagerClient, error) { return n.dial(user) },
		}
	}}
}

func TestConnectionManager(t *testing.T) { contract.ConnectionManager(t, harness()) }

func TestConnectionShedder(t *testing.T) {
	contract.ConnectionShedder(t, contract.ShedderHarness{New: func(t testing.TB) (ports.ConnectionShedder, contract.ManagerNode) {
		n := newNode(t, settings())
		return n.manager, contract.ManagerNode{
			Manager: n.manager,
			Connect: func(user domain.UserID) (contract.ManagerClient, error) { return n.dial(user) },
		}
	}})
}

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
