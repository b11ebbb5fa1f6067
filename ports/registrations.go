package ports

import (
	"context"

	"github.com/huleedu/edge/domain"
)

// BatchRegistrations stores for 24 h which user registered which batch through the
// gateway. It decides the ownership of batches that the platform does not know yet.
//
// Concurrency: safe for any number of callers, on any number of nodes. Consistency:
// a registration for which Save returned nil is found by every node. Blocking: one
// round trip, at most about half a second. Errors: SERVICE_UNAVAILABLE when the store
// is unavailable or its value is invalid; it is then unknown who registered the batch.
type BatchRegistrations interface {
	// Save stores the registration. A later one of the same batch replaces it.
	Save(ctx context.Context, user domain.UserID, batch domain.BatchID) error
	// Registered reports whether the user registered the batch within 24 h.
	Registered(ctx context.Context, user domain.UserID, batch domain.BatchID) (bool, error)
}
