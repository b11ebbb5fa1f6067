package recorded

import "github.com/huleedu/edge/domain"

// FactsOf returns the facts of one type, in their order.
func FactsOf[T domain.Fact](all []domain.Fact) []T {
	var out []T
	for _, fact := range all {
		if one, ok := fact.(T); ok {
			out = append(out, one)
		}
	}
	return out
}

// NoFacts is an observer that discards every fact.
type NoFacts struct{}

// Observe discards the fact.
func (NoFacts) Observe(domain.Fact) {}
