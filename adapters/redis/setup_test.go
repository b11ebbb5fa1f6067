package redis_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/huleedu/edge/adapters/memory"
	"github.com/huleedu/edge/adapters/redis"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
	"github.com/huleedu/edge/test/contract"
	"github.com/huleedu/edge/test/servers"
	"github.com/huleedu/edge/test/world"
)

// server is a Redis for a test.
type server struct {
	url string
	// stop and start stop and start the server; nil for a shared one.
	stop, start func()
	// step moves the server's clock; nil if that is not possible.
	step func(time.Duration)
}

// embedded starts a Redis in this process.
func embedded(t testing.TB) server {
	t.Helper()
	r, err := world.StartRedis("")
	require.NoError(t, err)
	t.Cleanup(r.Close)
	return server{url: r.URL(), stop: r.Stop, start: func() { require.NoError(t, r.Restart()) }, step: r.Step}
}

// shared returns the Redis that all tests share. It skips the test if there is none.
func shared(t testing.TB) server {
	t.Helper()
	return server{url: servers.Redis(t)}
}

// ownServer starts a Redis that keeps its data when it is killed.
func ownServer(t testing.TB) server {
	t.Helper()
	p := servers.OwnRedis(t, "--appendonly", "yes", "--appendfsync", "always")
	return server{url: p.URL(), stop: p.Kill, start: p.Start}
}

func openClient(t testing.TB, url string) *redis.Client {
	t.Helper()
	c, err := redis.Open(settings(url))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

func settings(url string) redis.Config {
	return redis.Config{URL: domain.Secret(url), ConnectTimeout: 2 * time.Second, SocketTimeout: 2 * time.Second}
}

func listenerConfig() redis.ListenerConfig {
	return redis.ListenerConfig{ChannelPrefix: "ws:", MaxBytes: 1 << 18, ProbeInterval: 5 * time.Second, Linger: 50 * time.Millisecond}
}

func notifierConfig() redis.NotifierConfig {
	return redis.NotifierConfig{Max: 256, TTL: time.Minute}
}

func listener(c *redis.Client, cfg redis.ListenerConfig, o ports.Observer) *redis.Listener {
	return redis.NewListener(c, cfg, o, noop.NewTracerProvider(), slog.New(slog.DiscardHandler))
}

// externalClient returns a client of the library, as another service has.
func externalClient(t testing.TB, url string) *goredis.Client {
	t.Helper()
	o, err := goredis.ParseURL(url)
	require.NoError(t, err)
	o.PipelinePoolSize = -1
	c := goredis.NewClient(o)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

// publisher returns a function that publishes messages in order, in one pipeline.
func publisher(t testing.TB, url string) func(domain.UserID, ...string) {
	t.Helper()
	c := externalClient(t, url)
	return func(user domain.UserID, payloads ...string) {
		_, err := c.Pipelined(context.Background(), func(p goredis.Pipeliner) error {
			for _, payload := range payloads {
				p.Publish(context.Background(), "ws:"+string(user), payload)
			}
			return nil
		})
		if err != nil {
			t.Errorf("publish: %v", err)
		}
	}
}

// disconnecter returns an operator's Disconnect. It ignores errors.
func disconnecter(t testing.TB, url string) func(domain.UserID) {
	t.Helper()
	o := redis.NewOperator(openClient(t, url))
	return func(user domain.UserID) { _ = o.Disconnect(context.Background(), user) }
}

// checker returns the Reclaim of another node's quota.
func checker(t testing.TB, url string) func(domain.UserID) {
	t.Helper()
	q := redis.NewQuota(openClient(t, url), redis.QuotaConfig{PerUser: 1, Node: "other"}, memory.NewQuota(1), contract.NewFacts())
	return func(user domain.UserID) { q.Reclaim(context.Background(), user) }
}

func listenerHarness(find func(testing.TB) server, outage bool) contract.ListenerHarness {
	return contract.ListenerHarness{
		New: func(t testing.TB) contract.ListenerRig {
			s := find(t)
			return contract.ListenerRig{
				Listener: listener(openClient(t, s.url), listenerConfig(), contract.NewFacts()),
				Send:     publisher(t, s.url), StartOutage: s.stop, EndOutage: s.start,
				Disconnect: disconnecter(t, s.url),
				Check:      checker(t, s.url),
			}
		},
		Outage: outage,
	}
}

func notifierHarness(find func(testing.TB) server, outage bool) contract.NotifierHarness {
	return contract.NotifierHarness{
		New: func(t testing.TB) contract.NotifierRig {
			s := find(t)
			one, two := openClient(t, s.url), openClient(t, s.url)
			return contract.NotifierRig{
				Publisher:   redis.NewNotifier(one, notifierConfig(), "ws:"),
				Other:       redis.NewNotifier(two, notifierConfig(), "ws:"),
				Listener:    listener(one, listenerConfig(), contract.NewFacts()),
				StartOutage: s.stop, EndOutage: s.start,
			}
		},
		Outage: outage,
	}
}
