package ports

import (
	"context"

	"github.com/huleedu/edge/domain"
)

// TokenValidator decides who holds a token.
//
// Concurrency: safe for any number of callers. Blocking: never on a network.
// Errors: AUTHENTICATION_ERROR for a token that proves nothing, with the
// contract's reason and cause; SERVICE_UNAVAILABLE while there are no keys to
// judge by, which is no fault of the token.
type TokenValidator interface {
	// Validate judges a compact JWS (RFC 7515) and returns who it speaks for.
	Validate(ctx context.Context, token string) (domain.Caller, error)
}
