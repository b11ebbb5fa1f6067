package jwt_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/jwt"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/recorded"
)

// TestPreviousSecretIsAcceptedDuringARotation checks tokens of both secrets, the rules for the
// claims, and the warning.
func TestPreviousSecretIsAcceptedDuringARotation(t *testing.T) {
	const old = "the-secret-of-last-month-4f81b0c2d7"
	token := func(secret, payload string) string {
		return sign(t, "HS256", []byte(secret), `{"alg":"HS256"}`, payload)
	}
	c := settings()
	v := validator(t, c, recorded.NoFacts{})
	_, err := v.Validate(t.Context(), token(old, payload()))
	requireCause(t, err, "signature")
	require.Empty(t, c.Warnings(domain.Production))

	c.PreviousSecretKey = old
	v = validator(t, c, recorded.NoFacts{})
	for _, secret := range []string{shared, old} {
		caller, err := v.Validate(t.Context(), token(secret, payload()))
		require.NoError(t, err)
		require.Equal(t, domain.UserID("teacher-1"), caller.User)
		_, err = v.Validate(t.Context(), token(secret, `{"sub":"a","aud":"other","iss":"huleedu-identity-service","exp":`+inAnHour()+`}`))
		requireCause(t, err, "audience")
	}
	_, err = v.Validate(t.Context(), token(foreign, payload()))
	requireCause(t, err, "signature")
	require.Len(t, c.Warnings(domain.Production), 1)
	require.NotContains(t, c.Warnings(domain.Production)[0].Error(), old)

	c.PreviousSecretKey = " "
	_, err = jwt.New(c, recorded.NoFacts{}, discardLog())
	require.Equal(t, "JWT_SECRET_KEY_PREVIOUS", domain.As(err).Setting)
}
