package domain

import (
	"context"
	"sync"
	"sync/atomic"
)

// MemoryBudget limits the total size of the downstream responses that this process
// holds in memory. It is safe for concurrent use.
type MemoryBudget struct {
	limit int64
	inUse atomic.Int64
}

// NewMemoryBudget returns a budget of limit bytes.
func NewMemoryBudget(limit int64) *MemoryBudget { return &MemoryBudget{limit: limit} }

// Lease returns an empty lease for one request.
func (b *MemoryBudget) Lease() *MemoryLease { return &MemoryLease{budget: b} }

// InUse returns the bytes that all leases hold.
func (b *MemoryBudget) InUse() int64 { return b.inUse.Load() }

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

// WithMemory returns a context in which downstream responses are counted by the
// lease.
func WithMemory(ctx context.Context, l *MemoryLease) context.Context {
	return context.WithValue(ctx, memoryKey{}, l)
}

// MemoryOf returns the lease of the context. It returns nil, which has no limit, if
// there is none.
func MemoryOf(ctx context.Context) *MemoryLease {
	l, _ := ctx.Value(memoryKey{}).(*MemoryLease)
	return l
}
