package redis

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
)

// A message that was published shortly before the last received one can be lost too. An open
// gap keeps its beginning.
func TestGapBeginsBeforeTheLastReceivedMessage(t *testing.T) {
	t.Parallel()
	received := time.Now()
	s := shard{lastReceived: received}
	s.startGap()
	require.Equal(t, received.Add(-gapMargin), s.gapSince)
	s.lastReceived = received.Add(time.Minute)
	s.startGap()
	require.Equal(t, received.Add(-gapMargin), s.gapSince)
}

// A slow connection delivers messages long after they were published. What was published after the
// last probe that arrived can be lost, whatever else arrived since.
func TestGapBeginsAtTheLastProbeThatArrived(t *testing.T) {
	t.Parallel()
	sent := time.Now().Add(-time.Minute)
	s := shard{shardConfig: shardConfig{probe: "wsctl:probe:x"}, changed: func(error) {}}
	s.deliver(&goredis.Message{Channel: s.probe, Payload: probePayload(sent)})
	s.lastReceived = time.Now()
	s.startGap()
	require.WithinDuration(t, sent, s.gapSince, time.Millisecond)
}

// A gap of 10 s begins 10 s ago or earlier, whether the clock was set meanwhile, or the machine was
// paused, which the monotonic time does not count.
func TestGapBeginningAfterAStepOfTheClock(t *testing.T) {
	t.Parallel()
	const passed = 10 * time.Second
	now := time.Now()
	for name, one := range map[string]struct{ read, want time.Time }{
		"not set":                          {now.Add(-passed), now.Add(-passed)},
		"set an hour back":                 {now.Add(time.Hour - passed), now.Add(-passed)},
		"set an hour ahead, or was paused": {now.Add(-time.Hour - passed), now.Add(-time.Hour - passed)},
	} {
		require.WithinDuration(t, one.want, gapBeginning(one.read, now, passed), 0, name)
	}
}

// hangingHook never answers a command.
type hangingHook struct{}

func (hangingHook) DialHook(next goredis.DialHook) goredis.DialHook { return next }

func (hangingHook) ProcessHook(goredis.ProcessHook) goredis.ProcessHook {
	return func(ctx context.Context, _ goredis.Cmder) error {
		<-ctx.Done()
		return ctx.Err()
	}
}

func (hangingHook) ProcessPipelineHook(next goredis.ProcessPipelineHook) goredis.ProcessPipelineHook {
	return next
}

func TestProbeFailsAfterTwoTimeouts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rdb := goredis.NewClient(&goredis.Options{Addr: "127.0.0.1:1"})
		rdb.AddHook(hangingHook{})
		const interval = 5 * time.Second
		s := shard{shardConfig: shardConfig{rdb: rdb, probe: "wsctl:probe:x", interval: interval}}
		began := time.Now()
		require.ErrorIs(t, s.runProbe(t.Context()), errProbeLost)
		require.Equal(t, 3*interval, time.Since(began))
		require.NoError(t, rdb.Close())
	})
}
