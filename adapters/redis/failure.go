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

// retryAfter is the hint that goes with a Redis which cannot serve right now.
const retryAfter = time.Second

// passing lists the first words of Redis's refusals that end by themselves or
// by an operator's hand; the same command succeeds then.
func passing() []string {
	return []string{
		"LOADING", "BUSY", "READONLY", "OOM", "CLUSTERDOWN", "TRYAGAIN", "MASTERDOWN",
		"NOREPLICAS", "MISCONF", "MOVED", "ASK", "NOAUTH", "WRONGPASS", "NOPERM",
		"NOSCRIPT", "UNKILLABLE", "EXECABORT", "DENIED",
		"ERR max number of clients", "ERR The user executing the script",
	}
}

// failure translates an error of the library. limit is how long an answer was
// waited for.
func failure(op string, err error, limit time.Duration) *domain.Error {
	var refusal goredis.Error
	var network net.Error
	switch {
	case errors.As(err, &refusal) && !errors.Is(err, goredis.Nil):
		if isPassing(refusal.Error()) {
			return domain.Unavailable("redis", retryAfter).Because(err).At(op)
		}
		return broken(err).At(op)
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return domain.TimedOut("Redis", limit, err).At(op)
	default:
		return domain.Unreachable("redis", err).At(op)
	}
}

// broken is work that fails however often it is repeated.
func broken(cause error) *domain.Error {
	return &domain.Error{
		Code: domain.ProcessingError, Message: "The notification cannot be kept",
		Details: map[string]any{}, Err: cause,
	}
}

// isPassing looks for the words at the beginning, and behind a dash or a colon,
// where older servers put the error that ended a script.
func isPassing(message string) bool {
	for _, word := range passing() {
		if strings.HasPrefix(message, word) || strings.Contains(message, "-"+word+" ") || strings.Contains(message, ": "+word+" ") {
			return true
		}
	}
	return false
}
