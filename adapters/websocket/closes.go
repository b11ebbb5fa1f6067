package websocket

import (
	"errors"
	"strconv"

	"github.com/huleedu/edge/app/delivery"
	"github.com/huleedu/edge/domain"
)

// Status is the code of a close frame (RFC 6455 section 7.4). Below 1008 the client
// has a fault and must not reconnect unchanged; from 1008 on the comments of the
// constants say what the client should do. As an error it is the reason for which
// this package ends a session.
type Status int

// Error returns the number.
func (s Status) Error() string { return "close " + strconv.Itoa(int(s)) }

// peerStatus is the status of a close frame that the client has sent. It is the reason
// for which the client ends a session.
type peerStatus Status

// Error returns the number.
func (s peerStatus) Error() string { return "client: " + Status(s).Error() }

// errRateLimit is the reason for which a client that sends too many frames is closed.
var errRateLimit = errors.New("more frames than are allowed")

// The statuses that this service sends.
const (
	// NormalClosure and GoingAway come from the client and are echoed without a
	// reason. The service never sends them first, because clients do not reconnect
	// after them.
	NormalClosure Status = 1000
	GoingAway     Status = 1001
	// ProtocolError is an invalid frame. The library writes the reason.
	ProtocolError Status = 1002
	// Unsupported is data of a kind that is not supported.
	Unsupported Status = 1003
	// InvalidUTF8 is a text frame, or the reason of a close frame, that is not UTF-8.
	InvalidUTF8 Status = 1007
	// Unauthenticated: get a new token, reconnect.
	Unauthenticated Status = 1008
	// MessageTooBig is a message over WEBSOCKET_MAX_MESSAGE_BYTES. The library
	// writes the reason.
	MessageTooBig Status = 1009
	// InternalError is a failure of the service or of Redis: back off, reconnect.
	InternalError Status = 1011
	// ServiceRestart is a drain: reconnect with jitter.
	ServiceRestart Status = 1012
	// ConnectionLimit refuses the newest socket of a user: close another tab.
	ConnectionLimit Status = 4000
	// SlowConsumer is a client whose send queue overflowed: reconnect, resume.
	SlowConsumer Status = 4001
	// PeerTimeout is a client that answers no ping or sends nothing: reconnect.
	PeerTimeout Status = 4002
	// Disconnected is a disconnect by an operator: do not reconnect.
	Disconnected Status = 4003
)

// noCloseFrame marks a connection that ended without a close frame; it is never
// sent.
const noCloseFrame Status = 1006

// Close is the content of a close frame.
type Close struct {
	// Status is the frame's code.
	Status Status
	// Code is the error code in the reason. Without one the service writes no
	// reason.
	Code domain.Code
	// Message is the text in the reason; it is shortened to fit.
	Message string
}

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

// Entry is one row of the catalogue.
type Entry struct {
	Close Close
	// When is what causes the close, Then what the client should do.
	When, Then string
}

// Catalogue lists every close that the service sends. For a close without a Code the
// service writes no reason.
func Catalogue() []Entry {
	const fix, renew = "fix itself", "get a new token, reconnect"
	return []Entry{
		{NormalClosure.Close(), "the client closed; echoed without a reason", "-"},
		{GoingAway.Close(), "the same; the service never sends it first", "-"},
		{ProtocolError.Close(), "an invalid frame; the library writes the reason, if there is one", fix},
		{Unsupported.Close(), "data of a kind that is not supported", fix},
		{InvalidUTF8.Close(), "a text frame or the reason of a close frame is not UTF-8", fix},
		{Unauthenticated.Close(), "the token expired, before or while connected; other refused tokens have messages of their own. Within ten minutes the same token is refused by HTTP 401", renew},
		{rateLimited(), "more than WEBSOCKET_MAX_MESSAGES_PER_MINUTE frames", renew},
		{MessageTooBig.Close(), "a message over WEBSOCKET_MAX_MESSAGE_BYTES, or a compressed one over 8 KiB", fix},
		{InternalError.Close(), "an unexpected failure of the service; at connecting it is retried for up to 15 s first", "back off, reconnect"},
		{closeFor(domain.Unreachable("redis", nil)), "Redis is away at connecting and does not come back within 15 s, or is away for longer than WEBSOCKET_REDIS_OUTAGE_GRACE", "back off, reconnect"},
		{closeFor(domain.Unavailable("jwt_keys", 0)), "the keys that verify tokens cannot be loaded within 15 s", "back off, reconnect"},
		{ServiceRestart.Close(), "the node is being stopped", "reconnect with jitter"},
		{ConnectionLimit.Close(), "the user has WEBSOCKET_MAX_CONNECTIONS_PER_USER sockets; the newest is refused, the others stay. Within a minute the next one is refused by HTTP 429", "close another tab"},
		{SlowConsumer.Close(), "the client took its messages too slowly and its queue overflowed", "reconnect, resume"},
		{PeerTimeout.Close(), "no pong for WEBSOCKET_PONG_TIMEOUT, nothing at all for WEBSOCKET_IDLE_TIMEOUT, or no answer within 5 s to the ping that follows a 4000 of the same user", "reconnect"},
		{Disconnected.Close(), "an operator disconnected the user", "do not reconnect"},
	}
}

// rateLimited is the close of a client that sends too many frames.
func rateLimited() Close { return Close{Unauthenticated, domain.RateLimit, "Rate limit exceeded"} }

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

// closeFor returns the close that tells the client why its session ends: a value of
// this package or of delivery, or an error of the domain. nil is a disconnect by an
// operator.
func closeFor(reason error) Close {
	var ours Status
	var theirs peerStatus
	switch {
	case reason == nil:
		return Disconnected.Close()
	case errors.As(reason, &ours):
		return ours.Close()
	case errors.As(reason, &theirs):
		return Close{Status: Status(theirs)} // echoed without a reason
	case errors.Is(reason, delivery.ErrRestart):
		return ServiceRestart.Close()
	case errors.Is(reason, delivery.ErrSlowConsumer):
		return SlowConsumer.Close()
	case errors.Is(reason, errRateLimit):
		return rateLimited()
	}
	e := domain.As(reason)
	status, _ := StatusOf(e.Code)
	if status == ConnectionLimit {
		return status.Close() // its reason is fixed
	}
	return Close{Status: status, Code: e.Code, Message: e.Message}
}
