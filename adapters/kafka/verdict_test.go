package kafka

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
)

func TestEveryCodeHasAVerdict(t *testing.T) {
	for _, code := range domain.Codes() {
		v, known := verdictOf(code)
		require.True(t, known, "%s is not in the table", code)
		require.Equal(t, domain.Retryable(&domain.Error{Code: code}), v == keep, "%s", code)
	}
	_, known := verdictOf("SOMETHING_ELSE")
	require.False(t, known)
}
