package ports

import (
	"context"

	"github.com/huleedu/edge/domain"
)

// RateLimiter decides whether a request of a party is within its limit.
//
// Concurrency: safe for any number of callers, on any number of nodes: of all
// requests of a party in one window exactly the limit are allowed. Blocking: at most
// two round trips, each with a short timeout. Errors: none; it always decides.
// Unavailable: every node decides by itself and without delay, which is counted.
type RateLimiter interface {
	// Take counts one request of the party against the limit. party is a user id or a
	// client address, with a prefix that distinguishes the two.
	Take(ctx context.Context, party string, limit domain.Limit) domain.RateDecision
}

// Idempotency stores the response of a request under its idempotency key.
//
// Concurrency: safe for any number of callers, on any number of nodes: of
// concurrent claims of one key exactly one succeeds. Blocking: one round trip, at most
// about half a second. Durability: a confirmed response is stored for 24 h; a claim
// that is neither confirmed nor released expires after 90 s, and its ticket is then
// invalid. Errors: CONNECTION_ERROR, TIMEOUT and SERVICE_UNAVAILABLE; the request then
// proceeds and its response is not stored.
type Idempotency interface {
	// Claim claims the key. digest identifies the request's body and contains no
	// space.
	Claim(ctx context.Context, key domain.IdempotencyKey, digest string) (domain.Claim, error)
	// Confirm stores the response of a claimed key, unless another claim holds it.
	Confirm(ctx context.Context, key domain.IdempotencyKey, ticket string, response []byte) error
	// Release frees a claimed key, so that the request may be retried, unless another
	// claim holds it.
	Release(ctx context.Context, key domain.IdempotencyKey, ticket string) error
}
