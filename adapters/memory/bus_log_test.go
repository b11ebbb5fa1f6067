package memory_test

import (
	"testing"

	"github.com/huleedu/edge/adapters/memory"
	"github.com/huleedu/edge/test/contract"
)

func logHarness() contract.LogHarness {
	return contract.LogHarness{
		New: func(_ testing.TB, most int) contract.LogRig {
			bus := memory.NewBus()
			bus.SetLimit(most)
			return contract.LogRig{Log: bus, Publisher: bus, Expire: bus.Expire, StartOutage: bus.StartOutage}
		},
		Can: contract.LogAbilities{Outage: true},
	}
}

func TestBusStores(t *testing.T) { contract.NotificationLog(t, logHarness()) }
