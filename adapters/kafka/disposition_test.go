package kafka

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
)

func TestEveryCodeHasAVerdict(t *testing.T) {
	final := []domain.Code{
		domain.ValidationError, domain.MissingRequiredField, domain.InvalidRequest, domain.ParsingError, domain.ProcessingError,
	}
	for _, code := range domain.Codes() {
		v, known := verdictOf(code)
		require.True(t, known, "%s is not in the table", code)
		require.Equal(t, domain.Retryable(&domain.Error{Code: code}), v == keep, "%s", code)
		require.Equal(t, slices.Contains(final, code), v == bury, "%s", code)
	}
	v, known := verdictOf("SOMETHING_ELSE")
	require.False(t, known)
	require.Equal(t, doubt, v)
}
