package redis

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/huleedu/edge/adapters/redis/reply"
	"github.com/huleedu/edge/domain"
)

// retryAfter is the Retry-After of errors that are temporary.
const retryAfter = time.Second

// redisError converts an error of the library. limit is the timeout of the command.
// PROCESSING_ERROR is final, UNKNOWN_ERROR is a reply that is in neither list, all other
// codes are temporary.
func redisError(op string, err error, limit time.Duration) *domain.Error {
	var network net.Error
	switch {
	case reply.Is(err):
		return replyError(op, err)
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return domain.TimedOut("Redis", limit, err).WithOp(op)
	default:
		return domain.Unreachable("redis", err).WithOp(op)
	}
}

// replyError converts an error reply of Redis or of a proxy in front of it.
func replyError(op string, err error) *domain.Error {
	redacted := reply.Redacted(err)
	switch {
	case reply.IsFinal(err):
		return permanentError(redacted).WithOp(op)
	case reply.IsTemporary(err):
		return domain.Unavailable("redis", retryAfter).WithCause(redacted).WithOp(op)
	default:
		return domain.Unknown(redacted).WithOp(op)
	}
}

// permanentError returns the error of a notification that can never be stored.
func permanentError(cause error) *domain.Error {
	return &domain.Error{
		Code: domain.ProcessingError, Message: "The notification cannot be kept",
		Details: map[string]any{}, Err: cause,
	}
}
