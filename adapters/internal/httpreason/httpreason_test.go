package httpreason_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/internal/httpreason"
	"github.com/huleedu/edge/domain"
)

// TestReasonsAreDistinct checks that no reason has the text of another, of the domain's
// ones included, because the status of a response depends on it.
func TestReasonsAreDistinct(t *testing.T) {
	seen := map[domain.Reason]bool{
		"": true, domain.ReasonTooLarge: true, domain.ReasonKeyInUse: true, domain.ReasonKeyReused: true,
		domain.ReasonNoCredentials: true, domain.ReasonMalformedCredentials: true, domain.ReasonMalformed: true,
	}
	for _, r := range []domain.Reason{
		httpreason.WrongMethod, httpreason.Conflict, httpreason.WrongMediaType, httpreason.SchemaViolation, httpreason.UpgradeRequired,
	} {
		require.False(t, seen[r], r)
		seen[r] = true
	}
}
