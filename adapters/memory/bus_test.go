package memory_test

import (
	"testing"

	"github.com/huleedu/edge/adapters/memory"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/contract"
)

func listenerHarness() contract.ListenerHarness {
	return contract.ListenerHarness{
		New: func(testing.TB) contract.ListenerRig {
			bus := memory.NewBus()
			send := func(user domain.UserID, payloads ...string) {
				for _, p := range payloads {
					bus.Send(user, []byte(p))
				}
			}
			return contract.ListenerRig{Listener: bus, Send: send, Disconnect: bus.Disconnect, Check: bus.Check, StartOutage: bus.StartOutage, EndOutage: bus.EndOutage}
		},
		Outage: true,
	}
}

func notifierHarness() contract.NotifierHarness {
	return contract.NotifierHarness{
		New: func(testing.TB) contract.NotifierRig {
			bus := memory.NewBus()
			return contract.NotifierRig{Publisher: bus, Other: bus, Listener: bus, StartOutage: bus.StartOutage, EndOutage: bus.EndOutage}
		},
		Outage: true,
	}
}

func TestBusFollows(t *testing.T)   { contract.MessageListener(t, listenerHarness()) }
func TestBusPublishes(t *testing.T) { contract.NotificationPublisher(t, notifierHarness()) }

func logHarness() contract.LogHarness {
	return contract.LogHarness{
		New: func(_ testing.TB, most int) contract.LogRig {
			bus := memory.NewBus()
			bus.SetLimit(most)
			return contract.LogRig{Log: bus, Publisher: bus, Expire: bus.Expire, StartOutage: bus.StartOutage}
		},
		Outage: true,
	}
}

func TestBusStores(t *testing.T) { contract.NotificationLog(t, logHarness()) }
