package kafka

import "github.com/huleedu/edge/domain"

// disposition is what becomes of a record whose hand-over failed.
type disposition uint8

const (
	// retry holds the record, and with it its partition, and tries again.
	retry disposition = iota
	// checkControl holds the record until a control shows that the record itself is the
	// cause.
	checkControl
	// toDeadLetter puts the record on the dead-letter topic: it can never succeed.
	toDeadLetter
	// countAsDone counts the record as done.
	countAsDone
)

// classify is the table of this transport: code of the failure -> what becomes
// of the record. Only the codes of a record that can never succeed are buried; a
// code that the application does not use for records, or that is not in the table
// (known is false), says nothing about the record.
func classify(code domain.Code) (v disposition, known bool) {
	switch code {
	case domain.ValidationError, domain.MissingRequiredField, domain.InvalidRequest, domain.ParsingError,
		domain.ProcessingError:
		return toDeadLetter, true
	case domain.RateLimit,
		domain.ConnectionError, domain.ServiceUnavailable, domain.CircuitBreakerOpen, domain.KafkaPublishError,
		domain.Timeout:
		return retry, true
	case domain.RequestQueued:
		return countAsDone, true
	case domain.AuthenticationError, domain.InvalidAPIKey, domain.AuthorizationError,
		domain.ResourceNotFound, domain.QuotaExceeded,
		domain.UnknownError, domain.ConfigurationError, domain.InvalidConfiguration, domain.InitializationFailed,
		domain.ExternalServiceError, domain.InvalidResponse, domain.ContentServiceError,
		domain.SpellcheckServiceError, domain.NLPServiceError, domain.AIFeedbackServiceError,
		domain.CJAssessmentServiceError, domain.LLMProviderServiceError:
		return checkControl, true
	default:
		return checkControl, false
	}
}
