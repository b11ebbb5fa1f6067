package kafka

import "github.com/huleedu/edge/domain"

// verdict is what becomes of a record whose hand-over failed.
type verdict uint8

const (
	// bury puts the record on the dead-letter topic: it can never succeed.
	bury verdict = iota
	// keep holds the record, and with it its partition, and tries again.
	keep
	// pass counts the record as done.
	pass
)

// verdictOf is the table of this transport: code of the failure -> what becomes
// of the record. known is false for a code that nobody decided on; such a
// record is buried, where people can look at it.
func verdictOf(code domain.Code) (v verdict, known bool) {
	switch code {
	case domain.RateLimit,
		domain.ConnectionError, domain.ServiceUnavailable, domain.CircuitBreakerOpen, domain.KafkaPublishError,
		domain.Timeout:
		return keep, true
	case domain.RequestQueued:
		return pass, true
	case domain.ValidationError, domain.MissingRequiredField, domain.InvalidRequest, domain.ParsingError,
		domain.AuthenticationError, domain.InvalidAPIKey, domain.AuthorizationError,
		domain.ResourceNotFound, domain.QuotaExceeded,
		domain.UnknownError, domain.ConfigurationError, domain.InvalidConfiguration,
		domain.ProcessingError, domain.InitializationFailed,
		domain.ExternalServiceError, domain.InvalidResponse, domain.ContentServiceError,
		domain.SpellcheckServiceError, domain.NLPServiceError, domain.AIFeedbackServiceError,
		domain.CJAssessmentServiceError, domain.LLMProviderServiceError:
		return bury, true
	default:
		return bury, false
	}
}
