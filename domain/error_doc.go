package domain

// Meaning explains a code to whoever writes a client.
type Meaning struct {
	// When is what happened, Then what the client should do.
	When, Then string
	// Details are the keys that the code's errors carry, where they apply.
	Details []string
}

const (
	fixRequest    = "mend the request"
	backOff = "repeat with backoff, after `Retry-After` where it is given"
	reportError  = "report it with its correlation id"
	reserved  = "nothing: it is kept for the platform's other services and not answered here"
)

// Meaning returns what the code means; the zero value for a code that is not in
// the list.
func (c Code) Meaning() Meaning {
	for _, part := range []map[Code]Meaning{requestDocs(), callerDocs(), platformDocs(), serviceDocs()} {
		if m, known := part[c]; known {
			return m
		}
	}
	return Meaning{}
}

// requestDocs are about what the client sent.
func requestDocs() map[Code]Meaning {
	return map[Code]Meaning{
		ValidationError: {
			"a value breaks a rule of meaning or, with 422, of the schema; a body or a command over its limit is 413", fixRequest,
			[]string{"field", "value", "expected", "validation_errors", "limit", "limit_bytes"},
		},
		MissingRequiredField: {"a required field is not there", fixRequest, []string{"field_name"}},
		InvalidRequest: {
			"the request does not fit the route: its method (405, see `Allow`), media type (415), a missing upgrade (426), a conflict (409)",
			fixRequest + "; after a conflict with `Retry-After` repeat it", nil,
		},
		ParsingError:     {"input is not in the form it claims", fixRequest, []string{"parse_target"}},
		ResourceNotFound: {"there is no such resource or route", "do not repeat it", []string{"resource_type", "resource_id"}},
		RequestQueued:    {"the request waits to be worked on", reserved, []string{"queue_name"}},
	}
}

// callerDocs are about who asks, and how often.
func callerDocs() map[Code]Meaning {
	return map[Code]Meaning{
		AuthenticationError: {"the token is missing, expired or refused", "get a new token, then repeat it", []string{"reason", "cause"}},
		InvalidAPIKey:       {"an API key is refused", reserved, nil},
		AuthorizationError: {
			"the caller is known but may not do this", "do not repeat it", []string{"batch_id", "requested_by"},
		},
		RateLimit: {
			"the caller asked too often in the current window", "wait for `Retry-After`", []string{"limit", "window_seconds"},
		},
		QuotaExceeded: {
			"the user has as many connections as allowed", "close another connection, or wait for `Retry-After`", []string{"quota_type", "limit"},
		},
	}
}

// platformDocs are about the services and servers behind.
func platformDocs() map[Code]Meaning {
	all := map[Code]Meaning{
		ExternalServiceError: {"a service behind the gateway answered with a failure", reportError, []string{"external_service", "status_code"}},
		InvalidResponse:      {"a service behind the gateway gave an answer that makes no sense", reportError, []string{"external_service"}},
		ConnectionError:      {"a service or server refused or lost the connection", backOff, []string{"target"}},
		ServiceUnavailable: {
			"a part cannot serve right now: it starts, drains or is full", backOff, []string{"unavailable_service"},
		},
		CircuitBreakerOpen: {"calls to a service failed in a row, so none is made for a while", backOff, []string{"circuit_name"}},
		KafkaPublishError: {
			"Kafka did not confirm the command in time; whether it is there is unknown",
			"repeat it with the same `Idempotency-Key`",
			[]string{"topic"},
		},
		Timeout: {"an answer did not come within its limit", backOff, []string{"timeout_seconds"}},
	}
	for _, code := range []Code{
		ContentServiceError, SpellcheckServiceError, NLPServiceError, AIFeedbackServiceError, CJAssessmentServiceError, LLMProviderServiceError,
	} {
		all[code] = Meaning{When: "that service of the platform failed", Then: reserved}
	}
	return all
}

// serviceDocs are about the service itself.
func serviceDocs() map[Code]Meaning {
	return map[Code]Meaning{
		UnknownError: {"something failed that nobody foresaw", reportError, []string{"error_type"}},
		ConfigurationError: {
			"a setting cannot be used: at the start one of the service's own, later the topic, the rights or the settings with which commands are published",
			reportError,
			[]string{"config_key", "topic"},
		},
		InvalidConfiguration: {"settings do not fit each other", reserved, []string{"config_key"}},
		ProcessingError:      {"the request was understood but its work failed", reportError, nil},
		InitializationFailed: {"a part could not be brought up; seen at the start", reportError, []string{"component"}},
	}
}
