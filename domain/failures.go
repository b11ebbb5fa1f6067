package domain

import (
	"fmt"
	"time"
)

// maxEchoedValue bounds, in bytes, what a validation error repeats of the
// value that broke the rule.
const maxEchoedValue = 100

// Invalid is a value that breaks a rule of meaning. The value is echoed only
// when it is short; pass an empty value for a secret.
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

// MissingField is a required field that is not there.
func MissingField(field string) *Error {
	return &Error{
		Code: MissingRequiredField, Message: "Missing required field: " + field,
		Details: map[string]any{"field_name": field},
	}
}

// Unparsable is input that is not in the form it claims.
func Unparsable(target string, cause error) *Error {
	return &Error{
		Code: ParsingError, Message: "Failed to parse " + target,
		Details: map[string]any{"parse_target": target}, Err: cause,
	}
}

// NotFound is a resource that does not exist, or that the caller may not know
// to exist.
func NotFound(resource, id string) *Error {
	return &Error{
		Code: ResourceNotFound, Message: fmt.Sprintf("%s with ID '%s' not found", resource, id),
		Details: map[string]any{"resource_type": resource, "resource_id": id},
	}
}

// Forbidden is an act that the caller is known but not allowed to do.
func Forbidden(message string, details map[string]any) *Error {
	if details == nil {
		details = map[string]any{}
	}
	return &Error{Code: AuthorizationError, Message: message, Details: details}
}

// External is a service behind us that answered with a failure. status is its
// HTTP status; its body stays private.
func External(service string, status int) *Error {
	return &Error{
		Code: ExternalServiceError, Message: "An external service failed to answer the request",
		Details: map[string]any{"external_service": service, "status_code": status},
	}
}

// BrokenAnswer is a service behind us whose answer cannot be understood.
func BrokenAnswer(service string, cause error) *Error {
	return &Error{
		Code: InvalidResponse, Message: "An external service gave an invalid answer",
		Details: map[string]any{"external_service": service}, Err: cause,
	}
}

// Unreachable is a system that refused or lost the connection. target is its
// role ("redis", "result_aggregator"), never an address.
func Unreachable(target string, cause error) *Error {
	return &Error{
		Code: ConnectionError, Message: "Connection to " + target + " failed",
		Details: map[string]any{"target": target}, Err: cause,
	}
}

// Unavailable is a part of the platform that cannot serve right now.
func Unavailable(service string, wait time.Duration) *Error {
	return &Error{
		Code: ServiceUnavailable, Message: "Service temporarily unavailable",
		Details: map[string]any{"unavailable_service": service}, RetryAfter: wait,
	}
}

// TimedOut is work that did not end within its limit.
func TimedOut(what string, limit time.Duration, cause error) *Error {
	return &Error{
		Code: Timeout, Message: what + " timed out",
		Details: map[string]any{"timeout_seconds": limit.Seconds()}, Err: cause,
	}
}

// NotPublished is a command that Kafka did not confirm in time. The outcome is
// unknown: the record may be there all the same.
func NotPublished(topic string, cause error) *Error {
	return &Error{
		Code: KafkaPublishError, Message: "Failed to publish the command",
		Details: map[string]any{"topic": topic}, RetryAfter: time.Second, Err: cause,
	}
}

// CommandTooLarge is a command that is larger than the platform takes. limit is
// in bytes; 0 means that the broker did not tell its limit.
func CommandTooLarge(limit int) *Error {
	details := map[string]any{}
	if limit > 0 {
		details["limit_bytes"] = limit
	}
	return &Error{Code: ValidationError, Kind: TooLarge, Message: "Command too large", Details: details}
}

// CommandRefused is a command that the broker rejects for what is in it. The same
// command is rejected each time.
func CommandRefused(cause error) *Error {
	return &Error{
		Code: ValidationError, Message: "The command is not valid",
		Details: map[string]any{"field": "body"}, Err: cause,
	}
}

// PublishingMisconfigured is a command that was not published because of the
// topic, the rights or the settings of the broker or of this service. A repeat
// fails in the same way until an operator changes that.
func PublishingMisconfigured(topic string, cause error) *Error {
	return &Error{
		Code: ConfigurationError, Message: "Commands cannot be published",
		Details: map[string]any{"config_key": "kafka", "topic": topic}, Err: cause,
	}
}

// CircuitOpen is a call that was not made, because the last ones failed.
func CircuitOpen(name string, wait time.Duration) *Error {
	return &Error{
		Code: CircuitBreakerOpen, Message: "Service temporarily unavailable",
		Details: map[string]any{"circuit_name": name}, RetryAfter: wait,
	}
}

// RateLimited is a request too many. window is the limit's period.
func RateLimited(limit int, window, wait time.Duration) *Error {
	return &Error{
		Code: RateLimit, Message: "Rate limit exceeded",
		Details:    map[string]any{"limit": limit, "window_seconds": int(window.Seconds())},
		RetryAfter: wait,
	}
}

// TooManyConnections is a socket over the user's limit.
func TooManyConnections(limit int) *Error {
	return &Error{
		Code: QuotaExceeded, Message: "Connection limit exceeded",
		Details: map[string]any{"quota_type": "concurrent_connections", "limit": limit},
	}
}

// Misconfigured is a setting that cannot be used.
func Misconfigured(key, message string) *Error {
	return &Error{Code: ConfigurationError, Message: message, Details: map[string]any{"config_key": key}}
}

// NotStarted is a component that could not be brought up.
func NotStarted(component string, cause error) *Error {
	return &Error{
		Code: InitializationFailed, Message: "Failed to start " + component,
		Details: map[string]any{"component": component}, Err: cause,
	}
}
