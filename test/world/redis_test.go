package world_test

import (
	"context"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/test/servers"
	"github.com/huleedu/edge/test/world"
)

func embeddedRedis(t *testing.T) (*world.Redis, *goredis.Client) {
	t.Helper()
	r := servers.EmbeddedRedis(t)
	options, err := goredis.ParseURL(r.URL())
	require.NoError(t, err)
	options.MaxRetries, options.DialerRetries = -1, 1
	client := goredis.NewClient(options)
	t.Cleanup(func() { require.NoError(t, client.Close()) })
	return r, client
}

func TestEmbeddedRedisExpiresKeysByTheWallClock(t *testing.T) {
	_, client := embeddedRedis(t)
	startedAt := time.Now()
	require.NoError(t, client.Set(t.Context(), "k", "v", 300*time.Millisecond).Err())
	require.Eventually(t, func() bool {
		return client.Exists(context.Background(), "k").Val() == 0
	}, 5*time.Second, 10*time.Millisecond)
	require.Greater(t, time.Since(startedAt), 150*time.Millisecond)
}

func TestEmbeddedRedisRestartKeepsAddressAndKeys(t *testing.T) {
	r, client := embeddedRedis(t)
	url := r.URL()
	require.NoError(t, client.Set(t.Context(), "k", "v", 0).Err())
	r.Stop()
	require.Error(t, client.Get(t.Context(), "k").Err())
	require.NoError(t, r.Restart())
	require.Equal(t, url, r.URL())
	require.Equal(t, "v", client.Get(t.Context(), "k").Val())
}

func TestEmbeddedRedisStaysOnLoopback(t *testing.T) {
	for _, addr := range []string{"0.0.0.0:0", ":0", "nowhere", "10.0.0.1:0"} {
		_, err := world.StartRedis(addr)
		require.Error(t, err, addr)
	}
}
