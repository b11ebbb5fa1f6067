package ports

import (
	"context"

	"github.com/huleedu/edge/domain"
)

// Observer counts what happens, in business words.
//
// Concurrency: safe for any number of callers. Blocking: never, it is called
// on the path of every message. Errors: none; an unknown fact is ignored.
type Observer interface {
	// Observe takes note of one fact.
	Observe(fact domain.Fact)
}

// HealthProbe tells how a dependency does.
//
// Concurrency: safe for any number of callers. Blocking: at most about a
// second. Errors: inside the answer.
type HealthProbe interface {
	// Health reports the dependency's state as this process sees it.
	Health(ctx context.Context) domain.Health
}
