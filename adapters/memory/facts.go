package memory

import (
	"context"
	"slices"
	"sync"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// Facts is an observer that records facts in order, for tests. The zero value is ready to use.
type Facts struct {
	mu      sync.Mutex
	seen    []domain.Fact
	changed chan struct{} // closed by the next fact; nil without a waiter
}

var _ ports.Observer = (*Facts)(nil)

// Observe records the fact.
func (f *Facts) Observe(fact domain.Fact) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seen = append(f.seen, fact)
	if f.changed != nil {
		close(f.changed)
		f.changed = nil
	}
}

// All returns a copy of the facts so far.
func (f *Facts) All() []domain.Fact {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.seen)
}

// Count returns how many facts match.
func (f *Facts) Count(match func(domain.Fact) bool) int {
	n := 0
	for _, fact := range f.All() {
		if match(fact) {
			n++
		}
	}
	return n
}

// Await waits for a fact that matches, including earlier facts. It returns false if ctx
// is done first. It calls match once for each fact.
func (f *Facts) Await(ctx context.Context, match func(domain.Fact) bool) bool {
	for next := 0; ; {
		facts, news := f.from(next)
		if slices.ContainsFunc(facts, match) {
			return true
		}
		next += len(facts)
		select {
		case <-ctx.Done():
			return false
		case <-news:
		}
	}
}

// from returns the facts starting at a position, and a channel that the next fact closes.
func (f *Facts) from(position int) ([]domain.Fact, <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.changed == nil {
		f.changed = make(chan struct{})
	}
	return slices.Clone(f.seen[position:]), f.changed
}
