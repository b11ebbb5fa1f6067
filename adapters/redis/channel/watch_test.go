package channel

import (
	"context"
	"testing"

	"github.com/alicebob/miniredis/v2"
	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
)

// TestWatch checks that messages after the confirmation arrive in order, that another channel is
// not read, and that the end of the context is no error.
func TestWatch(t *testing.T) {
	server := miniredis.RunT(t)
	rdb := goredis.NewClient(&goredis.Options{Addr: server.Addr()})
	t.Cleanup(func() { _ = rdb.Close() })
	ctx, cancel := context.WithCancel(t.Context())
	subscribed, messages, ended := make(chan struct{}), make(chan string, 2), make(chan error, 1)
	go func() {
		ended <- Watch(ctx, rdb, "ws:anna", func() { close(subscribed) }, func(m string) { messages <- m })
	}()
	<-subscribed
	server.Publish("ws:bo", "foreign")
	server.Publish("ws:anna", "one")
	server.Publish("ws:anna", "two")
	require.Equal(t, "one", <-messages)
	require.Equal(t, "two", <-messages)
	cancel()
	require.NoError(t, <-ended)
}

func TestWatchReportsALostConnection(t *testing.T) {
	server := miniredis.RunT(t)
	rdb := goredis.NewClient(&goredis.Options{Addr: server.Addr(), MaxRetries: -1})
	t.Cleanup(func() { _ = rdb.Close() })
	subscribed, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- Watch(t.Context(), rdb, "ws:anna", func() { close(subscribed) }, func(string) {})
	}()
	<-subscribed
	server.Close()
	require.Error(t, <-ended)
}
