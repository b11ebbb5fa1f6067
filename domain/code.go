package domain

// Code identifies a kind of failure. The list is closed: clients and dashboards
// match on these values, so a new code changes the wire contract.
type Code string

const (
	// ValidationError is the code of a request with a value, a schema or a body that is not valid.
	ValidationError Code = "VALIDATION_ERROR"
	// MissingRequiredField is the code of a required field that is missing.
	MissingRequiredField Code = "MISSING_REQUIRED_FIELD"
	// InvalidRequest is the code of a request that cannot be made in this way: method, media type, a conflict.
	InvalidRequest Code = "INVALID_REQUEST"
	// ParsingError is the code of a notification record or handshake query that cannot be parsed.
	// A JSON body that cannot be parsed is a ValidationError.
	ParsingError Code = "PARSING_ERROR"

	// AuthenticationError is the code of a request whose token is missing or refused.
	AuthenticationError Code = "AUTHENTICATION_ERROR"
	// InvalidAPIKey is reserved for other services of the platform; the edge never sends it.
	InvalidAPIKey Code = "INVALID_API_KEY"
	// AuthorizationError is the code of a request for something of another user, and of a foreign origin.
	AuthorizationError Code = "AUTHORIZATION_ERROR"

	// ResourceNotFound is the code of an unknown batch, route or other resource.
	ResourceNotFound Code = "RESOURCE_NOT_FOUND"
	// RequestQueued is reserved for other services of the platform; the edge never sends it.
	RequestQueued Code = "REQUEST_QUEUED"
	// RateLimit is the code of a caller that sends too many requests, frames or refused tokens.
	RateLimit Code = "RATE_LIMIT"
	// QuotaExceeded is the code of a user with too many connections or messages that are not read.
	QuotaExceeded Code = "QUOTA_EXCEEDED"

	// UnknownError is the code of an error without a code of its own. Its details contain the type only.
	UnknownError Code = "UNKNOWN_ERROR"
	// ConfigurationError is the code of a dependency that refuses the settings of this service.
	ConfigurationError Code = "CONFIGURATION_ERROR"
	// InvalidConfiguration is reserved for other services of the platform; the edge never sends it.
	InvalidConfiguration Code = "INVALID_CONFIGURATION"
	// ProcessingError is the code of an operation that can never succeed, such as a Redis key of another type.
	ProcessingError Code = "PROCESSING_ERROR"
	// InitializationFailed is the code of a component that cannot start.
	InitializationFailed Code = "INITIALIZATION_FAILED"

	// ExternalServiceError is the code of a service behind the gateway that answers with an error.
	ExternalServiceError Code = "EXTERNAL_SERVICE_ERROR"
	// InvalidResponse is the code of a service behind the gateway whose answer cannot be used.
	InvalidResponse Code = "INVALID_RESPONSE"
	// ContentServiceError is reserved for other services of the platform.
	ContentServiceError Code = "CONTENT_SERVICE_ERROR"
	// SpellcheckServiceError is reserved for other services of the platform.
	SpellcheckServiceError Code = "SPELLCHECK_SERVICE_ERROR"
	// NLPServiceError is reserved for other services of the platform.
	NLPServiceError Code = "NLP_SERVICE_ERROR"
	// AIFeedbackServiceError is reserved for other services of the platform.
	AIFeedbackServiceError Code = "AI_FEEDBACK_SERVICE_ERROR"
	// CJAssessmentServiceError is reserved for other services of the platform.
	CJAssessmentServiceError Code = "CJ_ASSESSMENT_SERVICE_ERROR"
	// LLMProviderServiceError is reserved for other services of the platform.
	LLMProviderServiceError Code = "LLM_PROVIDER_SERVICE_ERROR"

	// ConnectionError is the code of a dependency that cannot be reached.
	ConnectionError Code = "CONNECTION_ERROR"
	// ServiceUnavailable is the code of this service, or a dependency, that starts, drains or is at its limit.
	ServiceUnavailable Code = "SERVICE_UNAVAILABLE"
	// CircuitBreakerOpen is the code of a call that is not made because the service failed repeatedly.
	CircuitBreakerOpen Code = "CIRCUIT_BREAKER_OPEN"
	// KafkaPublishError is the code of a command whose outcome is unknown: Kafka did not confirm it in time.
	KafkaPublishError Code = "KAFKA_PUBLISH_ERROR"

	// Timeout is the code of a service behind the gateway that does not answer in time.
	Timeout Code = "TIMEOUT"
)

// Codes lists every code, in the order of the contract's table. It returns a new
// slice.
func Codes() []Code {
	return []Code{
		ValidationError, MissingRequiredField, InvalidRequest, ParsingError,
		AuthenticationError, InvalidAPIKey, AuthorizationError,
		ResourceNotFound, RequestQueued, RateLimit, QuotaExceeded,
		UnknownError, ConfigurationError, InvalidConfiguration, ProcessingError, InitializationFailed,
		ExternalServiceError, InvalidResponse, ContentServiceError, SpellcheckServiceError,
		NLPServiceError, AIFeedbackServiceError, CJAssessmentServiceError, LLMProviderServiceError,
		ConnectionError, ServiceUnavailable, CircuitBreakerOpen, KafkaPublishError,
		Timeout,
	}
}
