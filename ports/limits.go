package ports

import (
	"context"

	"github.com/huleedu/edge/domain"
)

// RateLimiter decides whether one more request of a party is fair.
//
// Concurrency: safe for any number of callers, on any number of nodes: of all
// requests of a party in one window exactly the limit are allowed. Blocking:
// for the round trip before and its own, each bounded by a short limit. Errors:
// none; it always decides. Away: every node decides for itself and at once,
// which is counted.
type RateLimiter interface {
	// Take counts one request of the party against the limit. party is a user's
	// id or a client's address, marked as such by the caller, so that one cannot
	// pass for the other.
	Take(ctx context.Context, party string, limit domain.Limit) domain.Allowance
}

// Idempotency answers a request once per key, however often it is repeated.
//
// Concurrency: safe for any number of callers, on any number of nodes: of many
// claims of one key at once exactly one succeeds. Blocking: one round trip, at
// most about half a second. Durability: a confirmed answer is kept for 24 h; a
// claim that is neither confirmed nor released frees itself after about a
// minute, and its ticket is void once another holds the key. Errors:
// CONNECTION_ERROR, TIMEOUT and SERVICE_UNAVAILABLE; the request then goes on
// without being remembered.
type Idempotency interface {
	// Claim asks for the key. digest stands for the request's body and holds no
	// space.
	Claim(ctx context.Context, key domain.IdempotencyKey, digest string) (domain.Claim, error)
	// Confirm stores the answer of a claimed key, unless another holds it.
	Confirm(ctx context.Context, key domain.IdempotencyKey, ticket string, answer []byte) error
	// Release frees a claimed key, so that the request may be tried again,
	// unless another holds it.
	Release(ctx context.Context, key domain.IdempotencyKey, ticket string) error
}
