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

// temporaryPrefixes lists the first words of Redis's refusals that end by themselves or
// by an operator's hand; the same command succeeds then. The list only decides
// how a refusal is reported: one that is missing here is unknown, not final.
func temporaryPrefixes() []string {
	return []string{
		"LOADING", "BUSY", "READONLY", "OOM", "CLUSTERDOWN", "TRYAGAIN", "MASTERDOWN",
		"NOREPLICAS", "MISCONF", "MOVED", "ASK", "NOAUTH", "WRONGPASS", "NOPERM",
		"NOSCRIPT", "UNKILLABLE", "EXECABORT", "DENIED",
		"ERR max number of clients", "ERR The user executing the script",
	}
}

// finalPrefixes lists the first words of Redis's refusals that every repeat of the same
// command gets.
func finalPrefixes() []string { return []string{"WRONGTYPE", "CROSSSLOT"} }

// redisError translates an error of the library. limit is how long an answer was
// waited for. PROCESSING_ERROR is final, UNKNOWN_ERROR an answer that neither
// list names; all other codes are temporary.
func redisError(op string, err error, limit time.Duration) *domain.Error {
	var network net.Error
	switch {
	case isReply(err):
		return replyError(op, err)
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return domain.TimedOut("Redis", limit, err).At(op)
	default:
		return domain.Unreachable("redis", err).At(op)
	}
}

// replyError translates an error that Redis, or a proxy before it, answered.
func replyError(op string, err error) *domain.Error {
	reply := redacted(err)
	switch message := err.Error(); {
	case hasReplyPrefix(message, finalPrefixes()):
		return permanentError(reply).At(op)
	case hasReplyPrefix(message, temporaryPrefixes()):
		return domain.Unavailable("redis", retryAfter).Because(reply).At(op)
	default:
		return domain.Unknown(reply).At(op)
	}
}

// isReply reports whether the server sent the error: an error reply, nil, or bytes that
// the library cannot parse as a reply to the command.
func isReply(err error) bool {
	var refusal goredis.Error
	if errors.As(err, &refusal) || errors.Is(err, errUnexpectedResult) {
		return true
	}
	for _, words := range []string{"redis: can't parse", "redis: invalid reply", "redis: got ", "redis: unexpected"} {
		if strings.Contains(err.Error(), words) {
			return true
		}
	}
	return false
}

// permanentError is work that fails however often it is repeated.
func permanentError(cause error) *domain.Error {
	return &domain.Error{
		Code: domain.ProcessingError, Message: "The notification cannot be kept",
		Details: map[string]any{}, Err: cause,
	}
}

// hasReplyPrefix looks for the words at the beginning, and behind a dash or a colon,
// where older servers put the error that ended a script.
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
