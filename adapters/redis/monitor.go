package redis

import (
	"context"

	goredis "github.com/redis/go-redis/v9"

	"github.com/huleedu/edge/adapters/internal/dependency"
	"github.com/huleedu/edge/adapters/redis/reply"
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
		m.state.Report(reply.Outage(err))
		return err
	}
}

// ProcessPipelineHook reports the first error of a pipeline.
func (m monitor) ProcessPipelineHook(next goredis.ProcessPipelineHook) goredis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []goredis.Cmder) error {
		err := next(ctx, cmds)
		m.state.Report(reply.Outage(err))
		return err
	}
}
