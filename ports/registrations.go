package ports

import (
	"context"

	"github.com/huleedu/edge/domain"
)

// BatchRegistrations keeps for 24 h which user registered which batch here. It
// stands in for the platform's own answer while that does not know the batch yet.
//
// Concurrency: safe for any number of callers, on any number of nodes. Consistency:
// what Save returned nil for is found by every node. Blocking: one round trip, at
// most about half a second. Errors: SERVICE_UNAVAILABLE when the store is away or
// holds something else; it is then unknown who registered the batch.
type BatchRegistrations interface {
	// Save keeps the registration. A later one of the same batch replaces it.
	Save(ctx context.Context, user domain.UserID, batch domain.BatchID) error
	// Registered reports whether the user registered the batch within 24 h.
	Registered(ctx context.Context, user domain.UserID, batch domain.BatchID) (bool, error)
}
