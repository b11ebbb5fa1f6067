package redis

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/redis/reply"
	"github.com/huleedu/edge/domain"
)

type replyText string

func (r replyText) Error() string { return string(r) }
func (replyText) RedisError()     {}

func TestRedisErrorIsRetryableOrFinal(t *testing.T) {
	for cause, want := range map[error]domain.Code{
		replyText("LOADING Redis is loading the dataset in memory"):                                                    domain.ServiceUnavailable,
		replyText("BUSY Redis is busy running a script."):                                                              domain.ServiceUnavailable,
		replyText("READONLY You can't write against a read only replica. script: 1, on @user_script:1."):               domain.ServiceUnavailable,
		replyText("ERR Error running script (call to f_1): @user_script:3: -OOM command not allowed when used memory"): domain.ServiceUnavailable,
		replyText("ERR Error running script (call to f_1): @user_script: 3: READONLY You can't write"):                 domain.ServiceUnavailable,
		replyText("OOM command not allowed when used memory > 'maxmemory'."):                                           domain.ServiceUnavailable,
		replyText("CLUSTERDOWN The cluster is down"):                                                                   domain.ServiceUnavailable,
		replyText("MISCONF Redis is configured to save RDB snapshots"):                                                 domain.ServiceUnavailable,
		replyText("NOAUTH Authentication required."):                                                                   domain.ServiceUnavailable,
		replyText("NOPERM this user has no permissions"):                                                               domain.ServiceUnavailable,
		replyText("ERR The user executing the script can't publish to the channel"):                                    domain.ServiceUnavailable,
		replyText("ERR max number of clients reached"):                                                                 domain.ServiceUnavailable,
		replyText("WRONGTYPE Operation against a key holding the wrong kind of value"):                                 domain.ProcessingError,
		replyText("ERR Error running script (call to f_1): @user_script:3: WRONGTYPE Operation against a key"):         domain.ProcessingError,
		replyText("CROSSSLOT Keys in request don't hash to the same slot"):                                             domain.ProcessingError,
		replyText("ERR unknown command"):                                                                               domain.UnknownError,
		replyText("ERR a reply that quotes: WRONGTYPE Operation"):                                                      domain.UnknownError,
		replyText(""):             domain.UnknownError,
		goredis.Nil:               domain.UnknownError,
		reply.ErrUnexpectedResult: domain.UnknownError,
		errors.New("redis: can't parse \"HTTP/1.1 400 Bad Request\""):                 domain.UnknownError,
		errors.New("redis: all sentinels specified in configuration are unreachable"): domain.ConnectionError,
		goredis.ErrPoolTimeout:   domain.ConnectionError,
		context.DeadlineExceeded: domain.Timeout,
		os.ErrDeadlineExceeded:   domain.Timeout,
		context.Canceled:         domain.ConnectionError,
		io.EOF:                   domain.ConnectionError,
		goredis.ErrClosed:        domain.ConnectionError,
		&net.OpError{Op: "dial", Err: errors.New("connection refused")}:                         domain.ConnectionError,
		&net.OpError{Op: "dial", Err: fmt.Errorf("lookup redis: %w", context.DeadlineExceeded)}: domain.Timeout,
	} {
		got := redisError("redis.X", cause, time.Second)
		require.Equal(t, want, got.Code, cause.Error())
		require.Equal(t, want != domain.ProcessingError && want != domain.UnknownError, domain.Retryable(got), cause.Error())
		require.ErrorIs(t, got, cause)
		require.False(t, cause.Error() != "" && strings.Contains(got.Message, cause.Error()), "the message must not contain the cause")
	}
}
