package main

import "github.com/huleedu/edge/domain"

// errorDoc documents an error code for developers of clients.
type errorDoc struct {
	cause string
	// action is what the client should do.
	action string
	// details are the keys of the details that errors of this code may contain.
	details []string
}

const (
	fixRequest  = "correct the request"
	backOff     = "retry with backoff, after `Retry-After` where it is given"
	reportError = "report it with its correlation id"
	reserved    = "nothing: the code is reserved for the platform's other services and not sent by these"
)

// docOf returns the documentation of a code, or the zero value for an unknown code.
func docOf(c domain.Code) errorDoc {
	for _, part := range []map[domain.Code]errorDoc{requestDocs(), callerDocs(), platformDocs(), serviceDocs()} {
		if doc, known := part[c]; known {
			return doc
		}
	}
	return errorDoc{}
}

// requestDocs documents the codes of invalid requests.
func requestDocs() map[domain.Code]errorDoc {
	return map[domain.Code]errorDoc{
		domain.ValidationError: {
			"a value violates a rule or, with 422, the schema; a body or a command over its size limit is 413", fixRequest,
			[]string{"field", "value", "expected", "validation_errors", "limit", "limit_bytes"},
		},
		domain.MissingRequiredField: {"a required field is missing", fixRequest, []string{"field_name"}},
		domain.InvalidRequest: {
			"the request does not match the route: method (405, see `Allow`), media type (415), missing upgrade (426), or a conflict (409)",
			fixRequest + "; after a conflict with `Retry-After` retry", nil,
		},
		domain.ParsingError:     {"input cannot be parsed", fixRequest, []string{"parse_target"}},
		domain.ResourceNotFound: {"the resource or route does not exist", "do not retry", []string{"resource_type", "resource_id"}},
		domain.RequestQueued:    {"the request is queued", reserved, []string{"queue_name"}},
	}
}

// callerDocs documents the codes of credentials, permissions and limits.
func callerDocs() map[domain.Code]errorDoc {
	return map[domain.Code]errorDoc{
		domain.AuthenticationError: {"the token is missing, expired or refused", "get a new token, then retry", []string{"reason", "cause"}},
		domain.InvalidAPIKey:       {"the API key is refused", reserved, nil},
		domain.AuthorizationError: {
			"the caller is authenticated but has no permission", "do not retry", []string{"batch_id", "requested_by"},
		},
		domain.RateLimit: {
			"the caller sent too many requests in the current window", "wait for `Retry-After`", []string{"limit", "window_seconds"},
		},
		domain.QuotaExceeded: {
			"the user has as many connections as allowed", "close another connection, or wait for `Retry-After`", []string{"quota_type", "limit"},
		},
	}
}

// platformDocs documents the codes of downstream services and servers.
func platformDocs() map[domain.Code]errorDoc {
	all := map[domain.Code]errorDoc{
		domain.ExternalServiceError: {"a service behind the gateway answered with a failure", reportError, []string{"external_service", "status_code"}},
		domain.InvalidResponse:      {"a service behind the gateway sent a malformed response", reportError, []string{"external_service"}},
		domain.ConnectionError:      {"a service or server refused or lost the connection", backOff, []string{"target"}},
		domain.ServiceUnavailable: {
			"a component cannot serve at present: it starts, drains or is at its limit", backOff, []string{"unavailable_service"},
		},
		domain.CircuitBreakerOpen: {"consecutive calls to a service failed, so calls are suspended for a while", backOff, []string{"circuit_name"}},
		domain.KafkaPublishError: {
			"Kafka did not confirm the command in time; whether it was published is unknown",
			"retry with the same `Idempotency-Key`",
			[]string{"topic"},
		},
		domain.Timeout: {"a response did not arrive within its time limit", backOff, []string{"timeout_seconds"}},
	}
	for _, code := range []domain.Code{
		domain.ContentServiceError, domain.SpellcheckServiceError, domain.NLPServiceError, domain.AIFeedbackServiceError, domain.CJAssessmentServiceError, domain.LLMProviderServiceError,
	} {
		all[code] = errorDoc{cause: "the named service of the platform failed", action: reserved}
	}
	return all
}

// serviceDocs documents the codes of failures in the service itself.
func serviceDocs() map[domain.Code]errorDoc {
	return map[domain.Code]errorDoc{
		domain.UnknownError: {"an unexpected failure", reportError, []string{"error_type"}},
		domain.ConfigurationError: {
			"a setting is invalid: at the start one of the service, later the topic, the access rights or the settings for publishing commands",
			reportError,
			[]string{"config_key", "topic"},
		},
		domain.InvalidConfiguration: {"settings contradict each other", reserved, []string{"config_key"}},
		domain.ProcessingError:      {"the request is valid but its processing failed", reportError, nil},
		domain.InitializationFailed: {"a component failed to start", reportError, []string{"component"}},
	}
}
