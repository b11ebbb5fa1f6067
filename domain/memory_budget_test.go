package domain_test

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
)

func TestMemoryBudgetIsSharedAndReleased(t *testing.T) {
	budget := domain.NewMemoryBudget(100)
	one, two := budget.Lease(), budget.Lease()
	require.True(t, one.Grow(60))
	require.False(t, two.Grow(41))
	require.True(t, two.Grow(40))
	require.False(t, one.Grow(1))
	one.Release()
	one.Release()
	require.Equal(t, int64(40), budget.InUse())
	require.True(t, two.Grow(60))
	two.Release()
	require.Zero(t, budget.InUse())
	var unbounded *domain.MemoryLease
	require.True(t, unbounded.Grow(1<<40))
	unbounded.Release()
	require.Nil(t, domain.MemoryOf(t.Context()))
}

func TestMemoryBudgetIsSafeForConcurrentUse(t *testing.T) {
	budget := domain.NewMemoryBudget(1000)
	var users sync.WaitGroup
	for range 50 {
		users.Go(func() {
			for range 200 {
				lease := budget.Lease()
				_ = lease.Grow(300)
				_ = lease.Grow(300)
				lease.Release()
			}
		})
	}
	users.Wait()
	require.Zero(t, budget.InUse())
}

func TestAReleasedLeaseReservesNoMemory(t *testing.T) {
	budget := domain.NewMemoryBudget(100)
	lease := budget.Lease()
	require.True(t, lease.Grow(10))
	lease.Release()
	require.False(t, lease.Grow(10), "nothing would return these bytes")
	lease.Release()
	require.Zero(t, budget.InUse())
}
