package kafka

import "github.com/huleedu/edge/domain"

// verdict is what becomes of a record whose hand-over failed.
type verdict uint8

const (
	// keep holds the record, and with it its partition, and tries again.
	keep verdict = iota
	// doubt holds the record until a control shows that the record itself is the
	// cause.
	doubt
	// bury puts the record on the dead-letter topic: it can never succeed.
	bury
	// pass counts the record as done.
	pass
)

// verdictOf is the table of this transport: code of the failure -> what becomes
// of the record. Only the codes of a record that can never succeed are buried; a
// code that the application does not use for records, or that is not in the table
// (known is false), says nothing about the record.
func verdictOf(code domain.Code) (v verdict, known bool) {
	switch code {
	case domain.ValidationError, domain.MissingRequiredField, domain.InvalidRequest, domain.ParsingError,
		domain.ProcessingError:
		return bury, true
	case domain.RateLimit,
		domain.ConnectionError, domain.ServiceUnavailable, domain.CircuitBreakerOpen, domain.KafkaPublishError,
		domain.Timeout:
		return keep, true
	case domain.RequestQueued:
		return pass, true
	case domain.AuthenticationError, domain.InvalidAPIKey, domain.AuthorizationError,
		domain.ResourceNotFound, domain.QuotaExceeded,
		domain.UnknownError, domain.ConfigurationError, domain.InvalidConfiguration, domain.InitializationFailed,
		domain.ExternalServiceError, domain.InvalidResponse, domain.ContentServiceError,
		domain.SpellcheckServiceError, domain.NLPServiceError, domain.AIFeedbackServiceError,
		domain.CJAssessmentServiceError, domain.LLMProviderServiceError:
		return doubt, true
	default:
		return doubt, false
	}
}
