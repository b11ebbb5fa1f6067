package ports

import (
	"context"

	"github.com/huleedu/edge/domain"
)

// Observer counts facts.
//
// Concurrency: safe for any number of callers. Blocking: never, because it
// is called for every message. Errors: none; an unknown fact is ignored.
type Observer interface {
	// Observe counts one fact.
	Observe(fact domain.Fact)
}

// HealthProbe reports the health of a dependency.
//
// Concurrency: safe for any number of callers. Blocking: at most about a
// second. Errors: in the result.
type HealthProbe interface {
	// Health returns the state of the dependency as this process observes it.
	Health(ctx context.Context) domain.Health
}
