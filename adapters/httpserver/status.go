package httpserver

import (
	"net/http"

	"github.com/huleedu/edge/domain"
)

// statusClientGone is recorded, never sent, for a client that went away before
// its answer was ready.
const statusClientGone = 499

// StatusOf is the one place that turns an error into an HTTP status: by its
// kind where the circumstances decide, else by its code. It returns 0 for a
// code that the table lacks.
func StatusOf(e *domain.Error) int {
	if status := statusOfKind(e.Kind); status != 0 {
		return status
	}
	return statusOfCode(e.Code)
}

func statusOfKind(kind domain.Kind) int {
	switch kind {
	case domain.SchemaViolation:
		return http.StatusUnprocessableEntity
	case domain.Conflict:
		return http.StatusConflict
	case domain.TooLarge:
		return http.StatusRequestEntityTooLarge
	case domain.WrongMethod:
		return http.StatusMethodNotAllowed
	case domain.WrongMediaType:
		return http.StatusUnsupportedMediaType
	case domain.UpgradeRequired:
		return http.StatusUpgradeRequired
	case domain.Plain:
		return 0
	default:
		return 0
	}
}

func statusOfCode(code domain.Code) int {
	switch code {
	case domain.ValidationError, domain.MissingRequiredField, domain.InvalidRequest, domain.ParsingError:
		return http.StatusBadRequest
	case domain.AuthenticationError, domain.InvalidAPIKey:
		return http.StatusUnauthorized
	case domain.AuthorizationError:
		return http.StatusForbidden
	case domain.ResourceNotFound:
		return http.StatusNotFound
	case domain.RequestQueued:
		return http.StatusAccepted
	case domain.RateLimit, domain.QuotaExceeded:
		return http.StatusTooManyRequests
	case domain.UnknownError, domain.ConfigurationError, domain.InvalidConfiguration,
		domain.ProcessingError, domain.InitializationFailed:
		return http.StatusInternalServerError
	case domain.ExternalServiceError, domain.InvalidResponse, domain.ContentServiceError,
		domain.SpellcheckServiceError, domain.NLPServiceError, domain.AIFeedbackServiceError,
		domain.CJAssessmentServiceError, domain.LLMProviderServiceError:
		return http.StatusBadGateway
	case domain.ConnectionError, domain.ServiceUnavailable, domain.CircuitBreakerOpen, domain.KafkaPublishError:
		return http.StatusServiceUnavailable
	case domain.Timeout:
		return http.StatusGatewayTimeout
	default:
		return 0
	}
}
