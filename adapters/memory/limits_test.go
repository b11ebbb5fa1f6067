package memory_test

import (
	"testing"

	"github.com/stretchr/testify/require"

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

// TestLimitsForgetUsersWhoLeft: a node that lives long meets every user.
func TestLimitsForgetUsersWhoLeft(t *testing.T) {
	t.Parallel()
	l := memory.NewLimits(2)
	for _, session := range []string{"a", "b", "a"} {
		require.NoError(t, l.Acquire(t.Context(), "u", session))
	}
	require.Error(t, l.Acquire(t.Context(), "u", "c"))
	for _, session := range []string{"c", "b", "a", "a"} {
		l.Release("u", session)
	}
	require.Zero(t, memory.Users(l))
}
