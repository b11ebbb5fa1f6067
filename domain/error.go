package domain

import (
	"errors"
	"fmt"
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
	// Kind distinguishes failures with the same code that a transport answers
	// differently, such as an invalid schema (422) and an invalid value (400).
	Kind Kind
	// Message is public and stable. It contains no address, no text of another
	// service and no id of another user.
	Message string
	// Op is the operation that failed, "package.Verb", for logs and spans.
	Op string
	// Details are public; their keys are those of the wire contract.
	Details map[string]any
	// RetryAfter, when positive, is how long the caller should wait before
	// trying again.
	RetryAfter time.Duration
	// Err is the private cause; it never leaves the process.
	Err error
}

// Kind refines a Code where the status of the response depends on more than the
// code.
type Kind uint8

// The kinds. Plain has the status of the code.
const (
	Plain Kind = iota
	SchemaViolation
	Conflict
	TooLarge
	WrongMethod
	WrongMediaType
	UpgradeRequired
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
