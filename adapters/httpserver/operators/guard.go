package operators

import (
	"crypto/sha256"
	"crypto/subtle"
	"time"

	"golang.org/x/time/rate"

	"github.com/huleedu/edge/adapters/internal/bearer"
	"github.com/huleedu/edge/domain"
)

const (
	ratePerSecond = 20 // ratePerSecond is the number of operators' requests that a node answers in a second.
	rateBurst     = 50 // rateBurst is the number of operators' requests that a node answers at once.
)

// Guard admits requests with the operators' token, at a rate at which each of them is logged.
// It is safe for concurrent use.
type Guard struct {
	digest  [sha256.Size]byte
	limiter *rate.Limiter
}

// NewGuard returns the guard of a token, or nil without one.
func NewGuard(token domain.Secret) *Guard {
	if token == "" {
		return nil
	}
	return &Guard{sha256.Sum256([]byte(token.Reveal())), rate.NewLimiter(ratePerSecond, rateBurst)}
}

// Check returns AUTHENTICATION_ERROR for an Authorization header without the token and
// RATE_LIMIT for a request over the rate. Requests without the token do not count against the
// rate. The digests are compared in constant time, so that neither the length nor a prefix of
// the token leaks.
func (g *Guard) Check(authorization string) error {
	token, err := bearer.Token(authorization)
	if err != nil {
		return err
	}
	digest := sha256.Sum256([]byte(token))
	if subtle.ConstantTimeCompare(digest[:], g.digest[:]) != 1 {
		return domain.OperatorTokenInvalid()
	}
	if !g.limiter.Allow() {
		return domain.RateLimited(ratePerSecond, time.Second, time.Second)
	}
	return nil
}
