package websocket

import "github.com/huleedu/edge/domain"

// Status is the code of a close frame (RFC 6455 section 7.4). Its range tells
// the client what to do: below 1008 mend yourself, from there on come back in
// the way that the constant's comment says.
type Status int

// The statuses that this service sends.
const (
	// NormalClosure and GoingAway are the client's own and are echoed without a reason;
	// the service never begins with them, because clients do not come back.
	NormalClosure Status = 1000
	GoingAway     Status = 1001
	// ProtocolError is a broken frame. The library says what was wrong with it.
	ProtocolError Status = 1002
	// Unsupported is a kind of data that is not understood.
	Unsupported Status = 1003
	// InvalidUTF8 is a text frame, or the reason of a close frame, that is not UTF-8.
	InvalidUTF8 Status = 1007
	// Unauthenticated: get a new token, reconnect.
	Unauthenticated Status = 1008
	// MessageTooBig is a message over WEBSOCKET_MAX_MESSAGE_BYTES, in the library's words.
	MessageTooBig Status = 1009
	// InternalError is our failure or Redis's: back off, reconnect.
	InternalError Status = 1011
	// ServiceRestart is the drain: reconnect with jitter.
	ServiceRestart Status = 1012
	// ConnectionLimit refuses the newest socket of a user: close another tab.
	ConnectionLimit Status = 4000
	// SlowConsumer is a client whose send queue overflowed: reconnect, resume.
	SlowConsumer Status = 4001
	// PeerTimeout is a client that answers no ping or sends nothing: reconnect.
	PeerTimeout Status = 4002
	// Disconnected was asked for by an operator: do not reconnect.
	Disconnected Status = 4003
)

// noCloseFrame marks a connection that ended without a close frame; it is never sent.
const noCloseFrame Status = 1006

// Close is what a client is told when its connection ends.
type Close struct {
	// Status is the frame's code.
	Status Status
	// Code is the reason's error code; without one the frame has no reason of ours.
	Code domain.Code
	// Message says more; it is shortened to fit.
	Message string
}

// Close returns the status with the reason it has when no error says more.
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

// Entry is a line of the catalogue: one way in which a connection ends.
type Entry struct {
	Close Close
	// When says what ends a connection so, Then what its client should do.
	When, Then string
}

// Catalogue lists every close that the service sends. A close without a Code
// carries no reason of ours.
func Catalogue() []Entry {
	const mend, renew = "fix itself", "get a new token, reconnect"
	return []Entry{
		{NormalClosure.Close(), "the client closed; echoed without a reason", "-"},
		{GoingAway.Close(), "likewise; the service never begins with it", "-"},
		{ProtocolError.Close(), "a frame breaks the protocol; the reason, if any, is in words of the library", mend},
		{Unsupported.Close(), "a kind of data that is not understood", mend},
		{InvalidUTF8.Close(), "a text frame or the reason of a close frame is not UTF-8", mend},
		{Unauthenticated.Close(), "the token expired, before or while connected; other refused tokens have messages of their own. Within ten minutes the same token is refused by HTTP 401", renew},
		{rateLimited(), "more than WEBSOCKET_MAX_MESSAGES_PER_MINUTE frames", renew},
		{MessageTooBig.Close(), "a message over WEBSOCKET_MAX_MESSAGE_BYTES, or a compressed one over 8 KiB", mend},
		{InternalError.Close(), "a failure of the service that nobody foresaw", "back off, reconnect"},
		{closeForError(domain.Unreachable("redis", nil)), "Redis is away at connecting and does not come back within 15 s, or is away for longer than WEBSOCKET_REDIS_OUTAGE_GRACE", "back off, reconnect"},
		{closeForError(domain.Unavailable("jwt_keys", 0)), "there are no keys to judge tokens by, and none come within 15 s", "back off, reconnect"},
		{ServiceRestart.Close(), "the node is being stopped", "reconnect with jitter"},
		{ConnectionLimit.Close(), "the user has WEBSOCKET_MAX_CONNECTIONS_PER_USER sockets; the newest is refused, the others stay. Within a minute the next one is refused by HTTP 429", "close another tab"},
		{SlowConsumer.Close(), "the client took its messages too slowly and its queue overflowed", "reconnect, resume"},
		{PeerTimeout.Close(), "no pong for WEBSOCKET_PONG_TIMEOUT, nothing at all for WEBSOCKET_IDLE_TIMEOUT, or no answer within 5 s to the ping that follows a 4000 of the same user", "reconnect"},
		{Disconnected.Close(), "an operator disconnected the user", "do not reconnect"},
	}
}

// rateLimited is a client that sends more than it may.
func rateLimited() Close { return Close{Unauthenticated, domain.RateLimit, "Rate limit exceeded"} }

// Statuses lists what this service sends, in ascending order.
func Statuses() []Status {
	return []Status{
		NormalClosure, GoingAway, ProtocolError, Unsupported, InvalidUTF8, Unauthenticated, MessageTooBig,
		InternalError, ServiceRestart, ConnectionLimit, SlowConsumer, PeerTimeout, Disconnected,
	}
}

// StatusOf is the table from an error's code to the status of the close that
// tells it. ok is false for a code that the table lacks.
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

// closeForError is the close that tells a client of the error.
func closeForError(err error) Close {
	e := domain.As(err)
	if e == nil {
		return Disconnected.Close()
	}
	status, _ := StatusOf(e.Code)
	if status == ConnectionLimit {
		return status.Close() // its reason is fixed, whatever the error says
	}
	return Close{Status: status, Code: e.Code, Message: e.Message}
}
