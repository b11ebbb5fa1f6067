package domain

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"
)

// unexpectedMessage is the public message of an unknown error.
const unexpectedMessage = "An unexpected error occurred"

// Error is the error type of the application. Code, Message and Details are public;
// Op and Err are for operators only.
type Error struct {
	// Code is the stable identifier for clients and dashboards.
	Code Code
	// Reason distinguishes failures with the same code that callers handle differently,
	// such as an expired token and a forged one; empty where the code says all.
	Reason Reason
	// Message is public and stable. It contains no address, no text of another
	// service and no id of another user.
	Message string
	// Op is the operation that failed, "package.Verb", for logs and spans.
	Op string
	// Setting is the name of the setting to correct; empty for other failures.
	Setting string
	// Details are public; their keys are those of the wire contract. They are a map, because
	// each code has other keys and clients only display them; the application reads Reason.
	// PublicDetails adds what Reason and Setting say.
	Details map[string]any
	// RetryAfter, when positive, is how long the caller should wait before
	// trying again.
	RetryAfter time.Duration
	// Err is the private cause; it never leaves the process.
	Err error
}

// Reason refines a Code. Adapters define further reasons for failures that only their
// transport has.
type Reason string

// Further reasons, of an AUTHENTICATION_ERROR, are in authentication.go.
const (
	// ReasonTooLarge is the reason of a VALIDATION_ERROR for a body or command over its size limit.
	ReasonTooLarge Reason = "too_large"
	// ReasonKeyInUse is the reason of an INVALID_REQUEST whose Idempotency-Key belongs to a running request.
	ReasonKeyInUse Reason = "key_in_use"
	// ReasonKeyReused is the reason of an INVALID_REQUEST whose Idempotency-Key was used with another body.
	ReasonKeyReused Reason = "key_reused"
)

// Error returns operation, code, public message and private cause, for logs.
func (e *Error) Error() string {
	parts := make([]string, 0, 4)
	if e.Op != "" {
		parts = append(parts, e.Op)
	}
	parts = append(parts, string(e.Code))
	if e.Message != "" {
		parts = append(parts, e.Message)
	}
	if e.Err != nil {
		parts = append(parts, e.Err.Error())
	}
	return strings.Join(parts, ": ")
}

// Unwrap returns the private cause.
func (e *Error) Unwrap() error { return e.Err }

// PublicDetails returns the details for clients. The map is the caller's own.
func (e *Error) PublicDetails() map[string]any {
	details := maps.Clone(e.Details)
	if details == nil {
		details = map[string]any{}
	}
	if e.Setting != "" {
		details["config_key"] = e.Setting
	}
	reason, cause := e.TokenDetails()
	if reason != "" {
		details["reason"] = reason
	}
	if cause != "" {
		details["cause"] = cause
	}
	return details
}

// WithOp returns a copy of the error with the operation that failed.
func (e *Error) WithOp(op string) *Error {
	c := *e
	c.Op = op
	return &c
}

// WithCause returns a copy of the error with its private cause.
func (e *Error) WithCause(cause error) *Error {
	c := *e
	c.Err = cause
	return &c
}

// WithRetryAfter returns a copy of the error with the time after which the caller may retry.
func (e *Error) WithRetryAfter(wait time.Duration) *Error {
	c := *e
	c.RetryAfter = wait
	return &c
}

// As returns the outermost *Error in err's chain. Any other error becomes an
// UNKNOWN_ERROR whose details contain only the type of its cause. It returns nil for
// nil.
func As(err error) *Error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return Unknown(err)
}

// CodeOf returns the code of err: UnknownError for an error of another type, "" for
// nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	return As(err).Code
}

// PublicMessage returns the message of err for clients, "" for nil.
func PublicMessage(err error) string {
	if err == nil {
		return ""
	}
	return As(err).Message
}

// Retryable reports whether the same request may succeed later: a dependency was
// unavailable, busy or late.
func Retryable(err error) bool {
	switch CodeOf(err) {
	case ConnectionError, ServiceUnavailable, CircuitBreakerOpen, KafkaPublishError, Timeout, RateLimit:
		return true
	default:
		return false
	}
}

// Unknown wraps an unexpected error. Only the type of the cause is public.
func Unknown(cause error) *Error {
	return &Error{
		Code: UnknownError, Message: unexpectedMessage, Err: cause,
		Details: map[string]any{"error_type": fmt.Sprintf("%T", cause)},
	}
}
