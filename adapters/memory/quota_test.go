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
			return memory.NewQuota(perUser), func() {}
		}}
	}}
}

func TestQuotaContract(t *testing.T) { contract.ConnectionQuota(t, quotaHarness()) }

// TestQuotaDeletesUsersWithoutSessions checks that memory does not grow with the number of
// users that have disconnected.
func TestQuotaDeletesUsersWithoutSessions(t *testing.T) {
	t.Parallel()
	l := memory.NewQuota(2)
	for _, session := range []string{"a", "b", "a"} {
		require.NoError(t, l.Acquire(t.Context(), "u", session))
	}
	require.Error(t, l.Acquire(t.Context(), "u", "c"))
	for _, session := range []string{"c", "b", "a", "a"} {
		l.Release("u", session)
	}
	require.Zero(t, memory.Users(l))
}
