package redis

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
)

// hung takes commands and answers none.
type hung struct{}

func (hung) DialHook(next goredis.DialHook) goredis.DialHook { return next }

func (hung) ProcessHook(goredis.ProcessHook) goredis.ProcessHook {
	return func(ctx context.Context, _ goredis.Cmder) error {
		<-ctx.Done()
		return ctx.Err()
	}
}

func (hung) ProcessPipelineHook(next goredis.ProcessPipelineHook) goredis.ProcessPipelineHook {
	return next
}

// TestAHangShowsAfterTwoProbes: also when each of them takes as long as it may.
func TestAHangShowsAfterTwoProbes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rdb := goredis.NewClient(&goredis.Options{Addr: "127.0.0.1:1"})
		rdb.AddHook(hung{})
		const interval = 5 * time.Second
		s := shard{source: source{rdb: rdb, probe: "wsctl:probe:x", interval: interval}}
		began := time.Now()
		require.ErrorIs(t, s.watch(t.Context()), errDeaf)
		require.Equal(t, 3*interval, time.Since(began))
		require.NoError(t, rdb.Close())
	})
}
