package websocket_test

import (
	"testing"

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
