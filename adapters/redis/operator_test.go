package redis_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/redis"
	"github.com/huleedu/edge/domain"
)

// watch starts Operator.Watch for anna and returns, after the confirmation, the frames and the
// channel of the result.
func watch(ctx context.Context, t *testing.T, o *redis.Operator) (<-chan string, <-chan error) {
	t.Helper()
	subscribed, frames, ended := make(chan struct{}), make(chan string, 2), make(chan error, 1)
	go func() {
		ended <- o.Watch(ctx, "ws:", "anna", func() { close(subscribed) }, func(frame string) { frames <- frame })
	}()
	<-subscribed
	return frames, ended
}

// TestOperatorWatchesOneUser checks that the messages of the user arrive in order, that those of
// others do not, and that the end of the context is not an error.
func TestOperatorWatchesOneUser(t *testing.T) {
	t.Parallel()
	s := embedded(t)
	o, publish := redis.NewOperator(openClient(t, s.url)), publisher(t, s.url)
	ctx, cancel := context.WithCancel(t.Context())
	frames, ended := watch(ctx, t, o)
	publish("bo", "foreign")
	publish("anna", "one", "two")
	require.Equal(t, "one", <-frames)
	require.Equal(t, "two", <-frames)
	cancel()
	require.NoError(t, <-ended)
}

func TestOperatorReportsTheEndOfAWatch(t *testing.T) {
	t.Parallel()
	s := embedded(t)
	_, ended := watch(t.Context(), t, redis.NewOperator(openClient(t, s.url)))
	s.stop()
	require.Equal(t, domain.ConnectionError, domain.CodeOf(<-ended))
}
