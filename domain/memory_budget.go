package domain

import (
	"context"
	"sync"
	"sync/atomic"
)

// MemoryBudget bounds what answers of services take together while this process
// holds them. It is safe for any number of users.
type MemoryBudget struct {
	limit int64
	inUse atomic.Int64
}

// NewMemoryBudget returns a budget of limit bytes.
func NewMemoryBudget(limit int64) *MemoryBudget { return &MemoryBudget{limit: limit} }

// Lease returns a share of the budget for one request; it is empty at first.
func (b *MemoryBudget) Lease() *MemoryLease { return &MemoryLease{budget: b} }

// Taken returns how much of the budget is taken, in bytes.
func (b *MemoryBudget) Taken() int64 { return b.inUse.Load() }

// MemoryLease counts the bytes that one request holds of a budget. It is safe for
// concurrent use. A nil lease has no limit.
type MemoryLease struct {
	budget   *MemoryBudget
	mu       sync.Mutex
	held     int64
	released bool
}

// Grow reserves n more bytes. It returns false, and reserves nothing, when the
// budget does not have them or the lease was released.
func (l *MemoryLease) Grow(n int64) bool {
	if l == nil {
		return true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.released {
		return false
	}
	if l.budget.inUse.Add(n) > l.budget.limit {
		l.budget.inUse.Add(-n)
		return false
	}
	l.held += n
	return true
}

// Release returns all bytes to the budget and ends the lease, so that work that
// outlives its request cannot reserve bytes that are never returned. It may be
// called more than once.
func (l *MemoryLease) Release() {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.released = true
	l.budget.inUse.Add(-l.held)
	l.held = 0
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
