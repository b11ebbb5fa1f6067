package memory_test

import (
	"testing"

	"github.com/huleedu/edge/adapters/memory"
	"github.com/huleedu/edge/ports"
	"github.com/huleedu/edge/test/contract"
)

func quotaHarness() contract.QuotaHarness {
	return contract.QuotaHarness{New: func(_ testing.TB, perUser int) contract.QuotaRig {
		return contract.QuotaRig{Node: func() (ports.ConnectionQuota, func()) {
			return memory.NewLimits(perUser), func() {}
		}}
	}}
}

func TestLimitsBoundSockets(t *testing.T)      { contract.ConnectionQuota(t, quotaHarness()) }
func BenchmarkLimitsBoundSockets(b *testing.B) { contract.BenchmarkConnectionQuota(b, quotaHarness()) }
