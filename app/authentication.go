package app

import (
	"context"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// Authentication identifies the callers of a service by their tokens, and limits how many
// requests without a valid token come from one network. It is safe for concurrent use.
type Authentication struct {
	tokens   ports.TokenValidator
	limiter  ports.RateLimiter
	observer ports.Observer
	refused  domain.Limit
}

// NewAuthentication returns the use-case. refused is the limit of requests without a
// valid token per network; with a Max of 0 they are not counted.
func NewAuthentication(tokens ports.TokenValidator, limiter ports.RateLimiter, o ports.Observer, refused domain.Limit) *Authentication {
	return &Authentication{tokens: tokens, limiter: limiter, observer: o, refused: refused}
}

// Identification is the result of identifying a caller.
type Identification struct {
	// Caller is the caller that the token identifies; the zero value with an error.
	Caller domain.Caller
	// Refusals is the decision of the limit on refused tokens; nil if the request was
	// not counted.
	Refusals *domain.RateDecision
}

// Identify returns the caller of a request. malformed is the error of a request without
// well-formed credentials; token is then ignored. Errors: AUTHENTICATION_ERROR for a
// missing or refused token; RATE_LIMIT in its place when the request's network is over
// the limit; SERVICE_UNAVAILABLE, which is not counted, while no keys are loaded.
func (a *Authentication) Identify(ctx context.Context, token string, malformed error) (Identification, error) {
	err := malformed
	if err == nil {
		var caller domain.Caller
		if caller, err = a.tokens.Validate(ctx, token); err == nil {
			return Identification{Caller: caller}, nil
		}
	}
	if a.refused.Max == 0 || domain.CodeOf(err) != domain.AuthenticationError {
		return Identification{}, err
	}
	decision := a.limiter.Take(ctx, NetworkKey(ctx), a.refused)
	if !decision.Allowed {
		a.observer.Observe(domain.RequestLimited{Class: a.refused.Class})
		err = domain.RateLimited(a.refused.Max, a.refused.Window, decision.Reset).WithOp("app.Identify")
	}
	return Identification{Refusals: &decision}, err
}

// UserKey returns the key by which the requests of a user are limited. Its prefix
// distinguishes it from the keys of networks.
func UserKey(user domain.UserID) string { return "user:" + string(user) }

// NetworkKey returns the key by which the requests of the client's network are limited.
func NetworkKey(ctx context.Context) string { return "addr:" + domain.RequestContextOf(ctx).Network }
