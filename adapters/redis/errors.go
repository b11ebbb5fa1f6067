package redis

import (
	"context"
	"errors"
	"net"
	"strings"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/huleedu/edge/domain"
)

// retryAfter is the Retry-After of errors that are temporary.
const retryAfter = time.Second

// temporaryPrefixes returns the first words of error replies whose cause ends by itself or
// after a change by an operator. A reply that has none of them is reported as unknown, not as
// final.
func temporaryPrefixes() []string {
	return []string{
		"LOADING", "BUSY", "READONLY", "OOM", "CLUSTERDOWN", "TRYAGAIN", "MASTERDOWN",
		"NOREPLICAS", "MISCONF", "MOVED", "ASK", "NOAUTH", "WRONGPASS", "NOPERM",
		"NOSCRIPT", "UNKILLABLE", "EXECABORT", "DENIED",
		"ERR max number of clients", "ERR The user executing the script",
	}
}

// finalPrefixes returns the first words of error replies that a repetition of the same command
// gets again.
func finalPrefixes() []string { return []string{"WRONGTYPE", "CROSSSLOT"} }

// redisError converts an error of the library. limit is the timeout of the command.
// PROCESSING_ERROR is final, UNKNOWN_ERROR is a reply that is in neither list, all other
// codes are temporary.
func redisError(op string, err error, limit time.Duration) *domain.Error {
	var network net.Error
	switch {
	case isReply(err):
		return replyError(op, err)
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return domain.TimedOut("Redis", limit, err).WithOp(op)
	default:
		return domain.Unreachable("redis", err).WithOp(op)
	}
}

// replyError converts an error reply of Redis or of a proxy in front of it.
func replyError(op string, err error) *domain.Error {
	reply := redacted(err)
	switch message := err.Error(); {
	case hasReplyPrefix(message, finalPrefixes()):
		return permanentError(reply).WithOp(op)
	case hasReplyPrefix(message, temporaryPrefixes()):
		return domain.Unavailable("redis", retryAfter).WithCause(reply).WithOp(op)
	default:
		return domain.Unknown(reply).WithOp(op)
	}
}

// isReply reports whether the error is a reply of the server: an error reply, nil, or bytes
// that the library cannot parse as a reply to the command.
func isReply(err error) bool {
	var reply goredis.Error
	if errors.As(err, &reply) || errors.Is(err, errUnexpectedResult) {
		return true
	}
	for _, words := range []string{"redis: can't parse", "redis: invalid reply", "redis: got ", "redis: unexpected"} {
		if strings.Contains(err.Error(), words) {
			return true
		}
	}
	return false
}

// permanentError returns the error of a notification that can never be stored.
func permanentError(cause error) *domain.Error {
	return &domain.Error{
		Code: domain.ProcessingError, Message: "The notification cannot be kept",
		Details: map[string]any{}, Err: cause,
	}
}

// hasReplyPrefix reports whether the reply begins with one of the words. In the error of
// a script it also looks after a dash or a colon, where older servers put the cause.
func hasReplyPrefix(message string, words []string) bool {
	const script = "ERR Error running script"
	for _, word := range words {
		if strings.HasPrefix(message, word) {
			return true
		}
		if strings.HasPrefix(message, script) && (strings.Contains(message, "-"+word+" ") || strings.Contains(message, ": "+word+" ")) {
			return true
		}
	}
	return false
}
