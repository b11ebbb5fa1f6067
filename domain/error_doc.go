package domain

// ErrorDoc documents an error code for developers of clients.
type ErrorDoc struct {
	// Cause describes the cause, Then what the client should do.
	Cause, Action string
	// Details are the detail keys that errors of this code may contain.
	Details []string
}

const (
	fixRequest  = "correct the request"
	backOff     = "retry with backoff, after `Retry-After` where it is given"
	reportError = "report it with its correlation id"
	reserved    = "nothing: the code is reserved for the platform's other services and not sent by these"
)

// Doc returns the documentation of the code, or the zero value for an unknown
// code.
func (c Code) Doc() ErrorDoc {
	for _, part := range []map[Code]ErrorDoc{requestDocs(), callerDocs(), platformDocs(), serviceDocs()} {
		if m, known := part[c]; known {
			return m
		}
	}
	return ErrorDoc{}
}

// requestDocs documents the codes of invalid requests.
func requestDocs() map[Code]ErrorDoc {
	return map[Code]ErrorDoc{
		ValidationError: {
			"a value violates a rule or, with 422, the schema; a body or a command over its size limit is 413", fixRequest,
			[]string{"field", "value", "expected", "validation_errors", "limit", "limit_bytes"},
		},
		MissingRequiredField: {"a required field is missing", fixRequest, []string{"field_name"}},
		InvalidRequest: {
			"the request does not match the route: method (405, see `Allow`), media type (415), missing upgrade (426), or a conflict (409)",
			fixRequest + "; after a conflict with `Retry-After` retry", nil,
		},
		ParsingError:     {"input cannot be parsed", fixRequest, []string{"parse_target"}},
		ResourceNotFound: {"the resource or route does not exist", "do not retry", []string{"resource_type", "resource_id"}},
		RequestQueued:    {"the request is queued", reserved, []string{"queue_name"}},
	}
}

// callerDocs documents the codes of credentials, permissions and limits.
func callerDocs() map[Code]ErrorDoc {
	return map[Code]ErrorDoc{
		AuthenticationError: {"the token is missing, expired or refused", "get a new token, then retry", []string{"reason", "cause"}},
		InvalidAPIKey:       {"the API key is refused", reserved, nil},
		AuthorizationError: {
			"the caller is authenticated but has no permission", "do not retry", []string{"batch_id", "requested_by"},
		},
		RateLimit: {
			"the caller sent too many requests in the current window", "wait for `Retry-After`", []string{"limit", "window_seconds"},
		},
		QuotaExceeded: {
			"the user has as many connections as allowed", "close another connection, or wait for `Retry-After`", []string{"quota_type", "limit"},
		},
	}
}

// platformDocs documents the codes of downstream services and servers.
func platformDocs() map[Code]ErrorDoc {
	all := map[Code]ErrorDoc{
		ExternalServiceError: {"a service behind the gateway answered with a failure", reportError, []string{"external_service", "status_code"}},
		InvalidResponse:      {"a service behind the gateway sent a malformed response", reportError, []string{"external_service"}},
		ConnectionError:      {"a service or server refused or lost the connection", backOff, []string{"target"}},
		ServiceUnavailable: {
			"a component cannot serve at present: it starts, drains or is at its limit", backOff, []string{"unavailable_service"},
		},
		CircuitBreakerOpen: {"consecutive calls to a service failed, so calls are suspended for a while", backOff, []string{"circuit_name"}},
		KafkaPublishError: {
			"Kafka did not confirm the command in time; whether it was published is unknown",
			"retry with the same `Idempotency-Key`",
			[]string{"topic"},
		},
		Timeout: {"a response did not arrive within its time limit", backOff, []string{"timeout_seconds"}},
	}
	for _, code := range []Code{
		ContentServiceError, SpellcheckServiceError, NLPServiceError, AIFeedbackServiceError, CJAssessmentServiceError, LLMProviderServiceError,
	} {
		all[code] = ErrorDoc{Cause: "the named service of the platform failed", Action: reserved}
	}
	return all
}

// serviceDocs documents the codes of failures in the service itself.
func serviceDocs() map[Code]ErrorDoc {
	return map[Code]ErrorDoc{
		UnknownError: {"an unexpected failure", reportError, []string{"error_type"}},
		ConfigurationError: {
			"a setting is invalid: at the start one of the service, later the topic, the access rights or the settings for publishing commands",
			reportError,
			[]string{"config_key", "topic"},
		},
		InvalidConfiguration: {"settings contradict each other", reserved, []string{"config_key"}},
		ProcessingError:      {"the request is valid but its processing failed", reportError, nil},
		InitializationFailed: {"a component failed to start", reportError, []string{"component"}},
	}
}
