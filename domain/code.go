package domain

// Code identifies a kind of failure. The list is closed: clients and dashboards
// match on these values, so a new code changes the wire contract.
type Code string

// The codes of the wire contract.
const (
	ValidationError      Code = "VALIDATION_ERROR"
	MissingRequiredField Code = "MISSING_REQUIRED_FIELD"
	InvalidRequest       Code = "INVALID_REQUEST"
	ParsingError         Code = "PARSING_ERROR"

	AuthenticationError Code = "AUTHENTICATION_ERROR"
	InvalidAPIKey       Code = "INVALID_API_KEY"
	AuthorizationError  Code = "AUTHORIZATION_ERROR"

	ResourceNotFound Code = "RESOURCE_NOT_FOUND"
	RequestQueued    Code = "REQUEST_QUEUED"
	RateLimit        Code = "RATE_LIMIT"
	QuotaExceeded    Code = "QUOTA_EXCEEDED"

	UnknownError         Code = "UNKNOWN_ERROR"
	ConfigurationError   Code = "CONFIGURATION_ERROR"
	InvalidConfiguration Code = "INVALID_CONFIGURATION"
	ProcessingError      Code = "PROCESSING_ERROR"
	InitializationFailed Code = "INITIALIZATION_FAILED"

	ExternalServiceError     Code = "EXTERNAL_SERVICE_ERROR"
	InvalidResponse          Code = "INVALID_RESPONSE"
	ContentServiceError      Code = "CONTENT_SERVICE_ERROR"
	SpellcheckServiceError   Code = "SPELLCHECK_SERVICE_ERROR"
	NLPServiceError          Code = "NLP_SERVICE_ERROR"
	AIFeedbackServiceError   Code = "AI_FEEDBACK_SERVICE_ERROR"
	CJAssessmentServiceError Code = "CJ_ASSESSMENT_SERVICE_ERROR"
	LLMProviderServiceError  Code = "LLM_PROVIDER_SERVICE_ERROR"

	ConnectionError    Code = "CONNECTION_ERROR"
	ServiceUnavailable Code = "SERVICE_UNAVAILABLE"
	CircuitBreakerOpen Code = "CIRCUIT_BREAKER_OPEN"
	KafkaPublishError  Code = "KAFKA_PUBLISH_ERROR"

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
