package app_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/memory"
	"github.com/huleedu/edge/app"
	"github.com/huleedu/edge/domain"
)

// fixedValidator returns the same result for every token.
type fixedValidator struct{ err error }

func (v fixedValidator) Validate(context.Context, string) (domain.Caller, error) {
	return domain.Caller{User: "u1"}, v.err
}

// fromNetwork returns the context of a request from a network.
func fromNetwork(network string) context.Context {
	return domain.WithRequestContext(context.Background(), domain.RequestContext{Network: network})
}

func newAuthentication(err error, facts *memory.Facts, most int) *app.Authentication {
	return app.NewAuthentication(fixedValidator{err}, memory.NewRateLimiter(), facts,
		domain.Limit{Class: domain.LimitRefused, Max: most, Window: time.Minute})
}

func TestIdentifyReturnsTheCallerOfAValidToken(t *testing.T) {
	a := newAuthentication(nil, &memory.Facts{}, 1)
	for range 3 {
		got, err := a.Identify(fromNetwork("n1"), "token", nil)
		require.NoError(t, err)
		require.Equal(t, app.Identification{Caller: domain.Caller{User: "u1"}}, got, "a valid token is not counted")
	}
}

func TestIdentifyLimitsRefusedTokensPerNetwork(t *testing.T) {
	for name, malformed := range map[string]error{"refused": nil, "malformed": domain.MalformedCredentials()} {
		t.Run(name, func(t *testing.T) {
			facts := &memory.Facts{}
			a := newAuthentication(domain.TokenExpired(), facts, 1)
			got, err := a.Identify(fromNetwork("n1"), "token", malformed)
			require.Equal(t, domain.AuthenticationError, domain.CodeOf(err))
			require.True(t, got.Refusals.Allowed)
			require.Empty(t, got.Caller)

			got, err = a.Identify(fromNetwork("n1"), "token", malformed)
			require.Equal(t, domain.RateLimit, domain.CodeOf(err))
			require.False(t, got.Refusals.Allowed)
			require.Equal(t, []domain.Fact{domain.RequestLimited{Class: domain.LimitRefused}}, facts.All())

			_, err = a.Identify(fromNetwork("n2"), "token", malformed)
			require.Equal(t, domain.AuthenticationError, domain.CodeOf(err), "another network")
		})
	}
}

func TestIdentifyCountsOnlyRefusedTokens(t *testing.T) {
	for name, a := range map[string]*app.Authentication{
		"no keys":  newAuthentication(domain.Unavailable("jwt_keys", 0), &memory.Facts{}, 1),
		"no limit": newAuthentication(domain.TokenExpired(), &memory.Facts{}, 0),
	} {
		for range 3 {
			got, err := a.Identify(fromNetwork("n1"), "token", nil)
			require.Error(t, err, name)
			require.NotEqual(t, domain.RateLimit, domain.CodeOf(err), name)
			require.Nil(t, got.Refusals, name)
		}
	}
}
