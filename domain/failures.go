package domain

import (
	"fmt"
	"time"
)

// maxEchoedValue is the length in bytes up to which a validation error contains the
// invalid value.
const maxEchoedValue = 100

// Invalid returns the error of a value that violates a rule. The details contain the
// value only when it is short; pass an empty value for a secret.
func Invalid(field, value, expected, message string) *Error {
	d := map[string]any{"field": field}
	if expected != "" {
		d["expected"] = expected
	}
	if value != "" && len(value) <= maxEchoedValue {
		d["value"] = value
	}
	return &Error{Code: ValidationError, Message: message, Details: d}
}

// MissingField returns the error of a missing required field.
func MissingField(field string) *Error {
	return &Error{
		Code: MissingRequiredField, Message: "Missing required field: " + field,
		Details: map[string]any{"field_name": field},
	}
}

// ParseFailure returns the error of input that cannot be parsed.
func ParseFailure(target string, cause error) *Error {
	return &Error{
		Code: ParsingError, Message: "Failed to parse " + target,
		Details: map[string]any{"parse_target": target}, Err: cause,
	}
}

// NotFound returns the error of a resource that does not exist, or whose existence
// the caller may not learn.
func NotFound(resource, id string) *Error {
	return &Error{
		Code: ResourceNotFound, Message: fmt.Sprintf("%s with ID '%s' not found", resource, id),
		Details: map[string]any{"resource_type": resource, "resource_id": id},
	}
}

// Forbidden returns the error of an action that the authenticated caller may not do.
func Forbidden(message string, details map[string]any) *Error {
	if details == nil {
		details = map[string]any{}
	}
	return &Error{Code: AuthorizationError, Message: message, Details: details}
}

// External returns the error of a downstream service that answered with a failure.
// status is its HTTP status. Its body stays private.
func External(service string, status int) *Error {
	return &Error{
		Code: ExternalServiceError, Message: "An external service failed to answer the request",
		Details: map[string]any{"external_service": service, "status_code": status},
	}
}

// MalformedResponse returns the error of a downstream service whose response is malformed.
func MalformedResponse(service string, cause error) *Error {
	return &Error{
		Code: InvalidResponse, Message: "An external service gave an invalid answer",
		Details: map[string]any{"external_service": service}, Err: cause,
	}
}

// Unreachable returns the error of a refused or lost connection. target is the role
// of the other side ("redis", "result_aggregator"), never an address.
func Unreachable(target string, cause error) *Error {
	return &Error{
		Code: ConnectionError, Message: "Connection to " + target + " failed",
		Details: map[string]any{"target": target}, Err: cause,
	}
}

// Unavailable returns the error of a service that cannot serve at present.
func Unavailable(service string, wait time.Duration) *Error {
	return &Error{
		Code: ServiceUnavailable, Message: "Service temporarily unavailable",
		Details: map[string]any{"unavailable_service": service}, RetryAfter: wait,
	}
}

// TimedOut returns the error of an operation that exceeded its time limit.
func TimedOut(what string, limit time.Duration, cause error) *Error {
	return &Error{
		Code: Timeout, Message: what + " timed out",
		Details: map[string]any{"timeout_seconds": limit.Seconds()}, Err: cause,
	}
}

// NotPublished returns the error of a command that Kafka did not confirm in time. The
// outcome is unknown: the record may exist.
func NotPublished(topic string, cause error) *Error {
	return &Error{
		Code: KafkaPublishError, Message: "Failed to publish the command",
		Details: map[string]any{"topic": topic}, RetryAfter: time.Second, Err: cause,
	}
}

// CommandTooLarge returns the error of a command over the size limit. limit is in
// bytes; 0 means that the limit of the broker is not known.
func CommandTooLarge(limit int) *Error {
	details := map[string]any{}
	if limit > 0 {
		details["limit_bytes"] = limit
	}
	return &Error{Code: ValidationError, Reason: ReasonTooLarge, Message: "Command too large", Details: details}
}

// CommandRefused returns the error of a command that the broker rejects because of
// its content. A retry fails in the same way.
func CommandRefused(cause error) *Error {
	return &Error{
		Code: ValidationError, Message: "The command is not valid",
		Details: map[string]any{"field": "body"}, Err: cause,
	}
}

// PublishingMisconfigured returns the error of a command that was not published
// because of the topic, the access rights or the settings of the broker or of this
// service. A retry fails in the same way until an operator corrects the cause.
func PublishingMisconfigured(topic string, cause error) *Error {
	return &Error{
		Code: ConfigurationError, Message: "Commands cannot be published", Setting: "kafka",
		Details: map[string]any{"topic": topic}, Err: cause,
	}
}

// CircuitOpen returns the error of a call that was not made, because the last ones
// failed.
func CircuitOpen(name string, wait time.Duration) *Error {
	return &Error{
		Code: CircuitBreakerOpen, Message: "Service temporarily unavailable",
		Details: map[string]any{"circuit_name": name}, RetryAfter: wait,
	}
}

// RateLimited returns the error of a request over the rate limit. window is the
// limit's period.
func RateLimited(limit int, window, wait time.Duration) *Error {
	return &Error{
		Code: RateLimit, Message: "Rate limit exceeded",
		Details:    map[string]any{"limit": limit, "window_seconds": int(window.Seconds())},
		RetryAfter: wait,
	}
}

// TooManyConnections returns the error of a connection over the user's limit.
func TooManyConnections(limit int) *Error {
	return &Error{
		Code: QuotaExceeded, Message: "Connection limit exceeded",
		Details: map[string]any{"quota_type": "concurrent_connections", "limit": limit},
	}
}

// Misconfigured returns the error of an invalid setting.
func Misconfigured(key, message string) *Error {
	return &Error{Code: ConfigurationError, Message: message, Setting: key}
}

// NotStarted returns the error of a component that failed to start.
func NotStarted(component string, cause error) *Error {
	return &Error{
		Code: InitializationFailed, Message: "Failed to start " + component,
		Details: map[string]any{"component": component}, Err: cause,
	}
}
