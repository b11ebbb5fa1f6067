package ports

import (
	"context"

	"github.com/huleedu/edge/domain"
)

// TokenValidator validates tokens.
//
// Concurrency: safe for any number of callers. Blocking: never on a network.
// Errors: AUTHENTICATION_ERROR for an invalid token, with the contract's reason and
// cause; SERVICE_UNAVAILABLE while no keys are loaded, whatever the token.
type TokenValidator interface {
	// Validate validates a compact JWS (RFC 7515) and returns the caller that it
	// identifies.
	Validate(ctx context.Context, token string) (domain.Caller, error)
}
