package redis

import (
	"context"
	"errors"
	"slices"

	goredis "github.com/redis/go-redis/v9"

	"github.com/huleedu/edge/adapters/internal/dependency"
)

// monitor is a hook of the library that reports the result of each command to a tracker.
type monitor struct{ state *dependency.Tracker }

var _ goredis.Hook = monitor{}

// DialHook adds nothing: a failed attempt to connect fails a command too.
func (monitor) DialHook(next goredis.DialHook) goredis.DialHook { return next }

// ProcessHook reports the result of one command.
func (m monitor) ProcessHook(next goredis.ProcessHook) goredis.ProcessHook {
	return func(ctx context.Context, cmd goredis.Cmder) error {
		err := next(ctx, cmd)
		m.state.Report(outage(err))
		return err
	}
}

// ProcessPipelineHook reports the first error of a pipeline.
func (m monitor) ProcessPipelineHook(next goredis.ProcessPipelineHook) goredis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []goredis.Cmder) error {
		err := next(ctx, cmds)
		m.state.Report(outage(err))
		return err
	}
}

// outage returns the error, redacted, if Redis does not answer or an answer shows that it
// cannot work at all. It returns nil for every other answer, and for a client that is closed.
func outage(err error) error {
	if err == nil || errors.Is(err, goredis.ErrClosed) || isReply(err) && !hasReplyPrefix(err.Error(), outagePrefixes()) {
		return nil
	}
	return redacted(err)
}

// outagePrefixes returns the first words of error replies by which Redis refuses all commands
// or all writes.
func outagePrefixes() []string {
	refusals := []string{"NOSCRIPT", "UNKILLABLE", "EXECABORT", "MOVED", "ASK", "TRYAGAIN", "NOREPLICAS", "BUSY", "ERR The user executing the script", "NOPERM"}
	return slices.DeleteFunc(temporaryPrefixes(), func(prefix string) bool { return slices.Contains(refusals, prefix) })
}
