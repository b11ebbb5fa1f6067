package redis

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
)

type refusal string

func (r refusal) Error() string { return string(r) }
func (refusal) RedisError()     {}

func TestFailureSaysWhetherARepeatMaySucceed(t *testing.T) {
	for cause, want := range map[error]domain.Code{
		refusal("LOADING Redis is loading the dataset in memory"):                                                    domain.ServiceUnavailable,
		refusal("BUSY Redis is busy running a script."):                                                              domain.ServiceUnavailable,
		refusal("READONLY You can't write against a read only replica. script: 1, on @user_script:1."):               domain.ServiceUnavailable,
		refusal("ERR Error running script (call to f_1): @user_script:3: -OOM command not allowed when used memory"): domain.ServiceUnavailable,
		refusal("ERR Error running script (call to f_1): @user_script: 3: READONLY You can't write"):                 domain.ServiceUnavailable,
		refusal("OOM command not allowed when used memory > 'maxmemory'."):                                           domain.ServiceUnavailable,
		refusal("CLUSTERDOWN The cluster is down"):                                                                   domain.ServiceUnavailable,
		refusal("MISCONF Redis is configured to save RDB snapshots"):                                                 domain.ServiceUnavailable,
		refusal("NOAUTH Authentication required."):                                                                   domain.ServiceUnavailable,
		refusal("NOPERM this user has no permissions"):                                                               domain.ServiceUnavailable,
		refusal("ERR The user executing the script can't publish to the channel"):                                    domain.ServiceUnavailable,
		refusal("ERR max number of clients reached"):                                                                 domain.ServiceUnavailable,
		refusal("WRONGTYPE Operation against a key holding the wrong kind of value"):                                 domain.ProcessingError,
		refusal("ERR Error running script (call to f_1): @user_script:3: WRONGTYPE Operation against a key"):         domain.ProcessingError,
		refusal("CROSSSLOT Keys in request don't hash to the same slot"):                                             domain.ProcessingError,
		refusal("ERR unknown command"):                                                                               domain.UnknownError,
		refusal("ERR a reply that quotes: WRONGTYPE Operation"):                                                      domain.UnknownError,
		refusal(""):  domain.UnknownError,
		goredis.Nil:  domain.UnknownError,
		errOddAnswer: domain.UnknownError,
		errors.New("redis: can't parse \"HTTP/1.1 400 Bad Request\""):                 domain.UnknownError,
		errors.New("redis: all sentinels specified in configuration are unreachable"): domain.ConnectionError,
		goredis.ErrPoolTimeout:   domain.ConnectionError,
		context.DeadlineExceeded: domain.Timeout,
		os.ErrDeadlineExceeded:   domain.Timeout,
		context.Canceled:         domain.ConnectionError,
		io.EOF:                   domain.ConnectionError,
		goredis.ErrClosed:        domain.ConnectionError,
		&net.OpError{Op: "dial", Err: errors.New("connection refused")}: domain.ConnectionError,
	} {
		got := failure("redis.X", cause, time.Second)
		require.Equal(t, want, got.Code, cause.Error())
		require.Equal(t, want != domain.ProcessingError && want != domain.UnknownError, domain.Retryable(got), cause.Error())
		require.ErrorIs(t, got, cause)
		require.False(t, cause.Error() != "" && strings.Contains(got.Message, cause.Error()), "the cause stays private")
	}
}
