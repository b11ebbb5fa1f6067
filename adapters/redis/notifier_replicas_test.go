package redis

import (
	"context"
	"errors"
	"testing"

	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
)

// demotedMaster keeps what it is given and answers a WAIT with what it is told.
type demotedMaster struct{ wait error }

func (demotedMaster) DialHook(next goredis.DialHook) goredis.DialHook { return next }

func (demotedMaster) ProcessHook(next goredis.ProcessHook) goredis.ProcessHook { return next }

func (m demotedMaster) ProcessPipelineHook(goredis.ProcessPipelineHook) goredis.ProcessPipelineHook {
	return func(_ context.Context, commands []goredis.Cmder) error {
		commands[0].(*goredis.Cmd).SetVal([]any{"1-1", "0"})
		commands[1].SetErr(m.wait)
		return m.wait
	}
}

// TestCallAndWaitFailsWithoutReplicas: a notification that was kept and cannot be confirmed is tried
// again. It is no dead letter, whatever refused to wait.
func TestCallAndWaitFailsWithoutReplicas(t *testing.T) {
	t.Parallel()
	for name, wait := range map[string]error{
		"a replica, which has sent the script on": replyText("ERR WAIT cannot be used with replica instances."),
		"a connection that broke":                 errors.New("broken pipe"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rdb := goredis.NewClient(&goredis.Options{Addr: "127.0.0.1:1"})
			t.Cleanup(func() { require.NoError(t, rdb.Close()) })
			rdb.AddHook(demotedMaster{wait})
			n := NewNotifier(&Client{rdb: rdb}, NotifierConfig{Max: 1, MinReplicas: 1}, "ws:")
			_, err := n.Publish(t.Context(), domain.Notification{User: "anna", EventID: "1", Frame: []byte(`{"event":"x"}`)})
			require.ErrorIs(t, err, errFewReplicas)
			require.Equal(t, domain.ServiceUnavailable, domain.CodeOf(err))
		})
	}
}
