package kafka

import "github.com/huleedu/edge/domain"

// disposition is how the consumer handles a record that failed.
type disposition uint8

const (
	// retry repeats the record; its partition waits.
	retry disposition = iota
	// checkControl repeats the record until a control shows that the record itself is the
	// cause.
	checkControl
	// toDeadLetter writes the record to the dead-letter topic, because it can never succeed.
	toDeadLetter
	// countAsDone counts the record as published.
	countAsDone
)

// classify returns the disposition of a record that failed with the code. Only the codes of a
// record that can never succeed lead to a dead letter. Codes that the application does not use
// for records tell nothing about the record, so a control decides.
func classify(code domain.Code) disposition {
	switch code {
	case domain.ValidationError, domain.MissingRequiredField, domain.InvalidRequest, domain.ParsingError,
		domain.ProcessingError:
		return toDeadLetter
	case domain.RateLimit, domain.ConnectionError, domain.ServiceUnavailable, domain.CircuitBreakerOpen,
		domain.KafkaPublishError, domain.Timeout:
		return retry
	case domain.RequestQueued:
		return countAsDone
	default:
		return checkControl
	}
}
