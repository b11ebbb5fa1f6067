package websocket

import (
	"errors"

	"github.com/gorilla/websocket"

	"github.com/huleedu/edge/adapters/internal/closecode"
	"github.com/huleedu/edge/domain"
)

// peerStatus is the status of a close frame that the client has sent. It is the reason
// for which the client ends a session.
type peerStatus closecode.Status

// Error returns the number.
func (s peerStatus) Error() string { return "client: " + closecode.Status(s).Error() }

// Entry is one row of the catalogue.
type Entry struct {
	Close closecode.Close
	// When is what causes the close, Then what the client should do.
	When, Then string
}

// Catalogue lists every close that the service sends. For a close without a Code the
// service writes no reason.
func Catalogue() []Entry {
	const fix, renew = "fix itself", "get a new token, reconnect"
	return []Entry{
		{closecode.NormalClosure.Close(), "the client closed; echoed without a reason", "-"},
		{closecode.GoingAway.Close(), "the same; the service never sends it first", "-"},
		{closecode.ProtocolError.Close(), "an invalid frame; the library writes the reason, if there is one", fix},
		{closecode.Unsupported.Close(), "data of a kind that is not supported", fix},
		{closecode.InvalidUTF8.Close(), "a text frame or the reason of a close frame is not UTF-8", fix},
		{closecode.Unauthenticated.Close(), "the token expired, before or while connected; other refused tokens have messages of their own. Within ten minutes the same token is refused by HTTP 401", renew},
		{rateLimited(), "more than WEBSOCKET_MAX_MESSAGES_PER_MINUTE frames", renew},
		{closecode.MessageTooBig.Close(), "a message over WEBSOCKET_MAX_MESSAGE_BYTES, or a compressed one over 8 KiB", fix},
		{closecode.InternalError.Close(), "an unexpected failure of the service; at connecting it is retried for up to 15 s first", "back off, reconnect"},
		{closecode.For(domain.Unreachable("redis", nil)), "Redis is away at connecting and does not come back within 15 s, or is away for longer than WEBSOCKET_REDIS_OUTAGE_GRACE", "back off, reconnect"},
		{closecode.For(domain.Unavailable("jwt_keys", 0)), "the keys that verify tokens cannot be loaded within 15 s", "back off, reconnect"},
		{closecode.ServiceRestart.Close(), "the node is being stopped", "reconnect with jitter"},
		{closecode.ConnectionLimit.Close(), "the user has WEBSOCKET_MAX_CONNECTIONS_PER_USER sockets; the newest is refused, the others stay. Within a minute the next one is refused by HTTP 429", "close another tab"},
		{closecode.SlowConsumer.Close(), "the client took its messages too slowly and its queue overflowed", "reconnect, resume"},
		{closecode.PeerTimeout.Close(), "no pong for WEBSOCKET_PONG_TIMEOUT, nothing at all for WEBSOCKET_IDLE_TIMEOUT, or no answer within 5 s to the ping that follows a 4000 of the same user", "reconnect"},
		{closecode.Disconnected.Close(), "an operator disconnected the user", "do not reconnect"},
	}
}

// rateLimited is the close of a client that sends too many frames.
func rateLimited() closecode.Close {
	return closecode.Close{Status: closecode.Unauthenticated, Code: domain.RateLimit, Message: "Rate limit exceeded"}
}

// closeFor returns the close for the reason of a session's end. The status of a client's
// close frame is echoed without a reason.
func closeFor(reason error) closecode.Close {
	if theirs, ok := errors.AsType[peerStatus](reason); ok {
		return closecode.Close{Status: closecode.Status(theirs)}
	}
	return closecode.For(reason)
}

// closePayload returns the payload of the close frame.
func closePayload(c closecode.Close, correlation string) []byte {
	return websocket.FormatCloseMessage(int(c.Status), c.Reason(correlation))
}
