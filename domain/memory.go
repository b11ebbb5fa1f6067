package domain

import (
	"context"
	"sync/atomic"
)

// MemoryBudget bounds what answers of services take together while this process
// holds them. It is safe for any number of users.
type MemoryBudget struct {
	limit int64
	taken atomic.Int64
}

// NewMemoryBudget returns a budget of limit bytes.
func NewMemoryBudget(limit int64) *MemoryBudget { return &MemoryBudget{limit: limit} }

// Lease returns a share of the budget for one request; it is empty at first.
func (b *MemoryBudget) Lease() *MemoryLease { return &MemoryLease{budget: b} }

// Taken returns how much of the budget is taken, in bytes.
func (b *MemoryBudget) Taken() int64 { return b.taken.Load() }

// MemoryLease is what one request has taken of a budget. A nil lease is not
// bounded.
type MemoryLease struct {
	budget *MemoryBudget
	held   atomic.Int64
}

// Grow takes n more bytes. It returns false, and takes nothing, when the budget
// does not have them.
func (l *MemoryLease) Grow(n int64) bool {
	if l == nil {
		return true
	}
	if l.budget.taken.Add(n) > l.budget.limit {
		l.budget.taken.Add(-n)
		return false
	}
	l.held.Add(n)
	return true
}

// Release gives everything back. It may be called more than once.
func (l *MemoryLease) Release() {
	if l != nil {
		l.budget.taken.Add(-l.held.Swap(0))
	}
}

type memoryKey struct{}

// WithMemory returns a context whose answers of services are counted by the
// lease.
func WithMemory(ctx context.Context, l *MemoryLease) context.Context {
	return context.WithValue(ctx, memoryKey{}, l)
}

// MemoryOf returns the context's lease; nil, which is not bounded, without one.
func MemoryOf(ctx context.Context) *MemoryLease {
	l, _ := ctx.Value(memoryKey{}).(*MemoryLease)
	return l
}
