package operators_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/httpserver/operators"
	"github.com/huleedu/edge/domain"
)

const token = "operator-token-of-the-tests-0123456789"

// TestGuardLimitsTheRate checks that requests over the rate are refused for a while, and that
// requests without the token do not use the rate up.
func TestGuardLimitsTheRate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := operators.NewGuard(token)
		for range 1000 {
			require.Equal(t, domain.AuthenticationError, domain.CodeOf(g.Check("Bearer another")))
		}
		for range 50 {
			require.NoError(t, g.Check("Bearer "+token))
		}
		require.Equal(t, domain.RateLimit, domain.CodeOf(g.Check("Bearer "+token)))
		time.Sleep(time.Second)
		for range 20 {
			require.NoError(t, g.Check("Bearer "+token))
		}
		require.Equal(t, domain.RateLimit, domain.CodeOf(g.Check("Bearer "+token)))
	})
}

func TestNoGuardWithoutToken(t *testing.T) {
	t.Parallel()
	require.Nil(t, operators.NewGuard(""))
}

// TestProductionRefusesGuessableTokens checks the rule that applies to production only.
func TestProductionRefusesGuessableTokens(t *testing.T) {
	t.Parallel()
	const guessable = "changeme-changeme-changeme-changeme"
	require.Len(t, operators.TokenProblems(guessable, domain.Production), 1)
	require.Empty(t, operators.TokenProblems(guessable, domain.Development))
}
