package kafka

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
)

// TestEveryErrorCodeHasADisposition fails for a new code until it is added to a list.
func TestEveryErrorCodeHasADisposition(t *testing.T) {
	want := map[domain.Code]disposition{domain.RequestQueued: countAsDone}
	for v, codes := range map[disposition][]domain.Code{
		toDeadLetter: {
			domain.ValidationError, domain.MissingRequiredField, domain.InvalidRequest, domain.ParsingError, domain.ProcessingError,
		},
		retry: {
			domain.RateLimit, domain.ConnectionError, domain.ServiceUnavailable, domain.CircuitBreakerOpen,
			domain.KafkaPublishError, domain.Timeout,
		},
		checkControl: {
			domain.AuthenticationError, domain.InvalidAPIKey, domain.AuthorizationError, domain.ResourceNotFound,
			domain.QuotaExceeded, domain.UnknownError, domain.ConfigurationError, domain.InvalidConfiguration,
			domain.InitializationFailed, domain.ExternalServiceError, domain.InvalidResponse, domain.ContentServiceError,
			domain.SpellcheckServiceError, domain.NLPServiceError, domain.AIFeedbackServiceError,
			domain.CJAssessmentServiceError, domain.LLMProviderServiceError,
		},
	} {
		for _, code := range codes {
			want[code] = v
		}
	}
	for _, code := range domain.Codes() {
		v, listed := want[code]
		require.True(t, listed, "%s is not in a list", code)
		require.Equal(t, v, classify(code), "%s", code)
		require.Equal(t, domain.Retryable(&domain.Error{Code: code}), v == retry, "%s", code)
	}
	require.Equal(t, checkControl, classify("SOMETHING_ELSE"))
}
