package redis_test

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"
	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/redis"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/servers"
)

func notification(user string) domain.Notification {
	return domain.Notification{EventID: uuid.NewString(), User: domain.UserID(user), Frame: []byte(`{"event":"e","data":{}}`)}
}

func publish(t testing.TB, n *redis.Notifier, one domain.Notification) domain.PublishResult {
	t.Helper()
	got, err := n.Publish(t.Context(), one)
	require.NoError(t, err)
	return got
}

func TestNotifierBoundsLengthAndTTLOfTheLog(t *testing.T) {
	for name, find := range map[string]func(testing.TB) server{"embedded": embedded, "own": ownServer} {
		t.Run(name, func(t *testing.T) {
			s := find(t)
			n := redis.NewNotifier(openClient(t, s.url), redis.NotifierConfig{Max: 3, TTL: time.Minute}, "ws:")
			other := externalClient(t, s.url)
			var ids []string
			for range 5 {
				ids = append(ids, publish(t, n, notification("u{x}")).ID)
			}
			entries, err := other.XRange(t.Context(), "wslog:{u{x}}", "-", "+").Result()
			require.NoError(t, err)
			require.Len(t, entries, 3)
			for i, entry := range entries {
				require.Equal(t, ids[i+2], entry.ID)
				require.Equal(t, map[string]any{"frame": `{"event":"e","data":{}}`}, entry.Values, "the stored frame must not contain the id")
			}
			keys, err := other.Keys(t.Context(), "*").Result()
			require.NoError(t, err)
			require.Len(t, keys, 6)
			for _, key := range keys {
				ttl := other.PTTL(t.Context(), key).Val()
				require.True(t, ttl > 50*time.Second && ttl <= time.Minute, "%s lives %s", key, ttl)
			}
		})
	}
}

func TestNotifierReloadsItsScript(t *testing.T) {
	s := ownServer(t)
	n := redis.NewNotifier(openClient(t, s.url), notifierConfig(), "ws:")
	for range 2 {
		require.NoError(t, externalClient(t, s.url).ScriptFlush(t.Context()).Err())
		publish(t, n, notification("u"))
	}
}

func TestNotifierDistinguishesFinalErrors(t *testing.T) {
	s := ownServer(t)
	n, other := redis.NewNotifier(openClient(t, s.url), notifierConfig(), "ws:"), externalClient(t, s.url)
	require.NoError(t, other.Set(t.Context(), "wslog:{a}", "not a stream", 0).Err())
	_, err := n.Publish(t.Context(), notification("a"))
	require.Equal(t, domain.ProcessingError, domain.CodeOf(err))

	require.NoError(t, other.ConfigSet(t.Context(), "maxmemory", "1").Err())
	_, err = n.Publish(t.Context(), notification("b"))
	require.Equal(t, domain.ServiceUnavailable, domain.CodeOf(err))
	require.NoError(t, other.ConfigSet(t.Context(), "maxmemory", "0").Err())

	require.NoError(t, other.Do(t.Context(), "ACL", "SETUSER", "default", "resetchannels").Err())
	what := notification("c")
	_, err = n.Publish(t.Context(), what)
	require.Equal(t, domain.ServiceUnavailable, domain.CodeOf(err), "%v", err)
	require.Zero(t, other.XLen(t.Context(), "wslog:{c}").Val(), "a notification that cannot be published must not be stored")
	require.NoError(t, other.Do(t.Context(), "ACL", "SETUSER", "default", "allchannels").Err())
	require.False(t, publish(t, n, what).Duplicate)
}

func TestNotifierFailsWhileAnotherScriptRuns(t *testing.T) {
	s := ownServer(t)
	n, other := redis.NewNotifier(openClient(t, s.url), notifierConfig(), "ws:"), externalClient(t, s.url)
	require.NoError(t, other.ConfigSet(t.Context(), "busy-reply-threshold", "50").Err())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = other.Eval(context.Background(), "while true do end", nil).Err()
	}()
	require.Eventually(t, func() bool {
		_, err := n.Publish(t.Context(), notification("u"))
		return domain.CodeOf(err) == domain.ServiceUnavailable
	}, patience, 20*time.Millisecond)
	require.NoError(t, externalClient(t, s.url).ScriptKill(t.Context()).Err())
	<-ended
	publish(t, n, notification("u"))
}

func TestNotifierTimesOutOnARedisThatHangs(t *testing.T) {
	p := servers.OwnRedis(t)
	n := redis.NewNotifier(openClient(t, p.URL()), notifierConfig(), "ws:")
	publish(t, n, notification("u"))
	p.Pause()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	what, began := notification("u"), time.Now()
	_, err := n.Publish(ctx, what)
	require.Equal(t, domain.Timeout, domain.CodeOf(err))
	require.Less(t, time.Since(began), time.Second)
	p.Resume()
	publish(t, n, what) // new or a duplicate: Redis may have executed the first
	require.True(t, publish(t, n, what).Duplicate)
}

func TestNotifierWaitsForReplicas(t *testing.T) {
	master := servers.OwnRedis(t, "--repl-diskless-sync-delay", "0")
	replica := servers.OwnRedis(t, "--replicaof", "127.0.0.1 "+strconv.Itoa(master.Port()))
	client := externalClient(t, master.URL())
	joined := func() bool { return online(client) }
	require.Eventually(t, joined, patience, 20*time.Millisecond)
	cfg := notifierConfig()
	cfg.MinReplicas = 1
	n := redis.NewNotifier(openClient(t, master.URL()), cfg, "ws:")
	require.False(t, publish(t, n, notification("u")).Duplicate)

	replica.Pause()
	what := notification("u")
	for range 2 { // the second attempt is a duplicate, and is not confirmed either
		fresh := redis.NewNotifier(openClient(t, master.URL()), cfg, "ws:")
		_, err := fresh.Publish(t.Context(), what)
		require.Equal(t, domain.ServiceUnavailable, domain.CodeOf(err))
	}
	replica.Resume()
	var got domain.PublishResult
	require.Eventually(t, func() bool {
		var err error
		got, err = n.Publish(t.Context(), what)
		return err == nil
	}, patience, 20*time.Millisecond)
	require.True(t, got.Duplicate)
	entries := externalClient(t, replica.URL()).XRange(t.Context(), "wslog:{u}", "-", "+").Val()
	require.Equal(t, got.ID, entries[len(entries)-1].ID)

	_, err := redis.NewNotifier(openClient(t, replica.URL()), notifierConfig(), "ws:").Publish(t.Context(), notification("u"))
	require.Equal(t, domain.ServiceUnavailable, domain.CodeOf(err), "a replica rejects writes, which is temporary")
}

func online(c *goredis.Client) bool {
	info, err := c.InfoMap(context.Background(), "replication").Result()
	return err == nil && info["Replication"]["connected_slaves"] == "1"
}
