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
		v, known := classify(code)
		require.True(t, known, "%s is not in the table", code)
		require.Equal(t, domain.Retryable(&domain.Error{Code: code}), v == retry, "%s", code)
		require.Equal(t, slices.Contains(final, code), v == toDeadLetter, "%s", code)
	}
	v, known := classify("SOMETHING_ELSE")
	require.False(t, known)
	require.Equal(t, checkControl, v)
}
