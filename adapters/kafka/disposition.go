package kafka

import "github.com/huleedu/edge/domain"

// disposition is how a record that failed is handled.
type disposition uint8

const (
	// retry retries the record; its partition waits.
	retry disposition = iota
	// checkControl retries the record until a control shows that the record itself is
	// the cause.
	checkControl
	// toDeadLetter writes the record to the dead-letter topic: it can never succeed.
	toDeadLetter
	// countAsDone counts the record as published.
	countAsDone
)

// classify maps the code of a failure to the disposition of its record. Only the codes of a
// record that can never succeed lead to a dead letter. A code that the application does not
// use for records, or that is not in the table (known is false), tells nothing about it.
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
