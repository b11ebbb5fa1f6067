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
			bus.Keep(most)
			return contract.LogRig{Log: bus, Publisher: bus, Expire: bus.Expire, Break: bus.Break}
		},
		Can: contract.LogAbilities{Break: true},
	}
}

func TestBusKeeps(t *testing.T)      { contract.NotificationLog(t, logHarness()) }
func BenchmarkBusKeeps(b *testing.B) { contract.BenchmarkNotificationLog(b, logHarness()) }
