package domain

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// unexpectedMessage is all that a client learns of a failure nobody foresaw.
const unexpectedMessage = "An unexpected error occurred"

// Error is the one error of the application: what clients may see (Code,
// Message, Details) beside what only operators may (Op, Err).
type Error struct {
	// Code is what clients and dashboards match on.
	Code Code
	// Kind tells apart failures of one code that a transport answers
	// differently, such as a broken schema and a broken rule.
	Kind Kind
	// Message is public and stable: no address, no text of another service,
	// no name of another user.
	Message string
	// Op is the operation that failed, "package.Verb", for logs and spans.
	Op string
	// Details are public facts about the failure, in the contract's keys.
	Details map[string]any
	// RetryAfter, when positive, is how long the caller should wait before
	// trying again.
	RetryAfter time.Duration
	// Err is the private cause; it never leaves the process.
	Err error
}

// Kind refines a Code where the circumstances, not the code, decide how a
// transport answers.
type Kind uint8

// The kinds. Plain is answered as the code says.
const (
	Plain Kind = iota
	BrokenSchema
	Conflict
	TooLarge
	WrongMethod
	WrongMediaType
	UpgradeRequired
)

// Error prints operation, code, public message and private cause, for logs.
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

// Unwrap gives the private cause to errors.Is and errors.As.
func (e *Error) Unwrap() error { return e.Err }

// At returns a copy of the error that names the operation it failed in.
func (e *Error) At(op string) *Error {
	c := *e
	c.Op = op
	return &c
}

// Because returns a copy of the error with its private cause.
func (e *Error) Because(cause error) *Error {
	c := *e
	c.Err = cause
	return &c
}

// After returns a copy of the error that tells the caller when to try again.
func (e *Error) After(wait time.Duration) *Error {
	c := *e
	c.RetryAfter = wait
	return &c
}

// As returns the outermost *Error in err's chain. An error nobody foresaw
// becomes an UNKNOWN_ERROR whose details name only the type of its cause; nil
// stays nil.
func As(err error) *Error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return Unknown(err)
}

// CodeOf returns the code of err: UnknownError for a foreign error, the empty
// code for nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	return As(err).Code
}

// PublicMessage returns what a client may read of err; it is empty for nil.
func PublicMessage(err error) string {
	if err == nil {
		return ""
	}
	return As(err).Message
}

// Retryable reports whether the same request may succeed later without being
// changed: something was away, busy or late.
func Retryable(err error) bool {
	switch CodeOf(err) {
	case ConnectionError, ServiceUnavailable, CircuitBreakerOpen, KafkaPublishError, Timeout, RateLimit:
		return true
	default:
		return false
	}
}

// Unknown wraps a cause that nobody foresaw. Only the cause's type is public.
func Unknown(cause error) *Error {
	return &Error{
		Code: UnknownError, Message: unexpectedMessage, Err: cause,
		Details: map[string]any{"error_type": fmt.Sprintf("%T", cause)},
	}
}
