package httpserver

import (
	"net/http"

	"github.com/huleedu/edge/adapters/internal/httpreason"
	"github.com/huleedu/edge/domain"
)

// statusClientGone is recorded, never sent, for a client that went away before
// its answer was ready.
const statusClientGone = 499

// StatusOf returns the HTTP status of an error: by its reason where that decides, else by
// its code. It is the only mapping of errors to statuses. It returns 0 for an unknown code.
func StatusOf(e *domain.Error) int {
	switch e.Reason {
	case httpreason.WrongMethod:
		return http.StatusMethodNotAllowed
	case httpreason.Conflict, domain.ReasonKeyInUse, domain.ReasonKeyReused:
		return http.StatusConflict
	case domain.ReasonTooLarge:
		return http.StatusRequestEntityTooLarge
	case httpreason.WrongMediaType:
		return http.StatusUnsupportedMediaType
	case httpreason.SchemaViolation:
		return http.StatusUnprocessableEntity
	case httpreason.UpgradeRequired:
		return http.StatusUpgradeRequired
	default:
		return statusOfCode(e.Code)
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
