package memory

import (
	"context"
	"slices"
	"sync"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// Facts keeps every fact, in the order observed. The zero value is ready.
type Facts struct {
	mu   sync.Mutex
	seen []domain.Fact
	news chan struct{} // closed by the next fact; nil when nobody waits
}

var _ ports.Observer = (*Facts)(nil)

// Observe keeps the fact.
func (f *Facts) Observe(fact domain.Fact) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seen = append(f.seen, fact)
	if f.news != nil {
		close(f.news)
		f.news = nil
	}
}

// All returns the facts so far; the slice is the caller's own.
func (f *Facts) All() []domain.Fact {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.seen)
}

// Count returns how many of the facts so far match.
func (f *Facts) Count(match func(domain.Fact) bool) int {
	n := 0
	for _, fact := range f.All() {
		if match(fact) {
			n++
		}
	}
	return n
}

// Await returns true as soon as there is a fact that matches, old ones
// included, and false when ctx is done before. match sees each fact once, so it
// may count.
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

// from returns the facts from a position on, and what is closed by the next.
func (f *Facts) from(position int) ([]domain.Fact, <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.news == nil {
		f.news = make(chan struct{})
	}
	return slices.Clone(f.seen[position:]), f.news
}
