// Package closecode defines the close codes of the notification service: which code ends
// a connection for a reason, and the text that goes with it. WebSockets and event streams
// use the same codes.
package closecode

import (
	"errors"
	"log/slog"
	"strconv"
	"time"

	"github.com/huleedu/edge/app/delivery"
	"github.com/huleedu/edge/domain"
)

// Status is the code of a close frame (RFC 6455 section 7.4), and of the last event of a
// stream. Below 1008 the client has a fault and must not reconnect unchanged; from 1008
// on the comments of the constants say what the client should do. As an error it is the
// reason for which a transport ends a session.
type Status int

// Error returns the number.
func (s Status) Error() string { return "close " + strconv.Itoa(int(s)) }

const (
	// NormalClosure is a close by the client, which is echoed without a reason. The service
	// never sends it first, because clients do not reconnect after it.
	NormalClosure Status = 1000
	// GoingAway is a close by a client that leaves the page, which is echoed without a reason.
	// The service never sends it first.
	GoingAway Status = 1001
	// ProtocolError is an invalid frame. The library writes the reason.
	ProtocolError Status = 1002
	// Unsupported is data of a kind that is not supported.
	Unsupported Status = 1003
	// InvalidUTF8 is a text frame, or the reason of a close frame, that is not UTF-8.
	InvalidUTF8 Status = 1007
	// Unauthenticated is a refused or expired token, or too many frames: get a new token,
	// reconnect.
	Unauthenticated Status = 1008
	// MessageTooBig is a message over WEBSOCKET_MAX_MESSAGE_BYTES. The library
	// writes the reason.
	MessageTooBig Status = 1009
	// InternalError is a failure of the service or of Redis: back off, reconnect.
	InternalError Status = 1011
	// ServiceRestart is a drain: reconnect with jitter.
	ServiceRestart Status = 1012
	// ConnectionLimit is a refused connection of a user with too many: close another tab.
	ConnectionLimit Status = 4000
	// SlowConsumer is a client whose send queue overflowed: reconnect, resume.
	SlowConsumer Status = 4001
	// PeerTimeout is a client that answers no ping or sends nothing: reconnect.
	PeerTimeout Status = 4002
	// Disconnected is a disconnect by an operator: do not reconnect.
	Disconnected Status = 4003
)

// None marks a connection that ended without a close; it is never sent.
const None Status = 1006

// Close tells a client why its connection ends. As an error it is the reason for which a
// transport ends a session.
type Close struct {
	// Status is the frame's code.
	Status Status
	// Code is the error code in the reason. Without one the service writes no
	// reason.
	Code domain.Code
	// Message is the text in the reason; it is shortened to fit.
	Message string
}

// Error returns the number and the message.
func (c Close) Error() string { return c.Status.Error() + ": " + c.Message }

// Close returns the status with its default reason.
func (s Status) Close() Close {
	switch s {
	case Unsupported:
		return Close{s, domain.InvalidRequest, "Unsupported data"}
	case InvalidUTF8:
		return Close{s, domain.ValidationError, "Text is not UTF-8"}
	case Unauthenticated:
		return Close{s, domain.AuthenticationError, "Token has expired"}
	case InternalError:
		return Close{s, domain.UnknownError, "An unexpected error occurred"}
	case ServiceRestart:
		return Close{s, domain.ServiceUnavailable, "Service restart"}
	case ConnectionLimit:
		return Close{s, domain.QuotaExceeded, "Connection limit exceeded"}
	case SlowConsumer:
		return Close{s, domain.QuotaExceeded, "Slow consumer"}
	case PeerTimeout:
		return Close{s, domain.Timeout, "No sign of life"}
	case Disconnected:
		return Close{s, domain.AuthorizationError, "Disconnected"}
	default:
		return Close{Status: s}
	}
}

// StatusOf maps an error code to the status of the close with that code. ok is false
// for a code that is not mapped.
func StatusOf(code domain.Code) (status Status, ok bool) {
	switch code {
	case domain.AuthenticationError, domain.InvalidAPIKey, domain.RateLimit:
		return Unauthenticated, true
	case domain.AuthorizationError:
		return Disconnected, true
	case domain.QuotaExceeded:
		return ConnectionLimit, true
	case domain.ValidationError, domain.MissingRequiredField, domain.ParsingError:
		return InvalidUTF8, true
	case domain.InvalidRequest:
		return Unsupported, true
	case domain.ConnectionError, domain.ServiceUnavailable, domain.CircuitBreakerOpen, domain.KafkaPublishError,
		domain.Timeout, domain.ResourceNotFound, domain.RequestQueued,
		domain.UnknownError, domain.ConfigurationError, domain.InvalidConfiguration, domain.ProcessingError,
		domain.InitializationFailed, domain.ExternalServiceError, domain.InvalidResponse,
		domain.ContentServiceError, domain.SpellcheckServiceError, domain.NLPServiceError,
		domain.AIFeedbackServiceError, domain.CJAssessmentServiceError, domain.LLMProviderServiceError:
		return InternalError, true
	default:
		return InternalError, false
	}
}

// For returns the close that tells the client why its session ends: a Status or Close, an
// error of delivery, or an error of the domain. nil is a disconnect by an operator.
func For(reason error) Close {
	var status Status
	var c Close
	switch {
	case reason == nil:
		return Disconnected.Close()
	case errors.As(reason, &status):
		return status.Close()
	case errors.As(reason, &c):
		return c
	case errors.Is(reason, delivery.ErrRestart):
		return ServiceRestart.Close()
	case errors.Is(reason, delivery.ErrSlowConsumer):
		return SlowConsumer.Close()
	}
	e := domain.As(reason)
	status, _ = StatusOf(e.Code)
	if status == ConnectionLimit {
		return status.Close() // its reason is fixed
	}
	return Close{Status: status, Code: e.Code, Message: e.Message}
}

// LogEnd logs the end of a session's connection, which lasted the given time.
func (c Close) LogEnd(log *slog.Logger, t domain.Transport, s *delivery.Session, lasted time.Duration) {
	log.Info("connection ended",
		slog.String("transport", string(t)), slog.Int("close_code", int(c.Status)), slog.String("error_code", string(c.Code)),
		slog.Float64("lasted_seconds", lasted.Seconds()),
		slog.String("user_id", string(s.User)), slog.String("correlation_id", s.Correlation))
}
