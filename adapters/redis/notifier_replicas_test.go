package redis

import (
	"context"
	"errors"
	"testing"

	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
)

// demotedMaster is a hook for a server on which the script succeeds and WAIT returns an error.
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

// A stored notification that the replicas do not confirm is a temporary error, whatever WAIT
// returns.
func TestPublishIsTemporaryErrorIfWaitFails(t *testing.T) {
	t.Parallel()
	for name, wait := range map[string]error{
		"a replica that redirected the script": replyText("ERR WAIT cannot be used with replica instances."),
		"a broken connection":                  errors.New("broken pipe"),
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
