package wire

import (
	"log/slog"
	"os"
	"strconv"

	"go.opentelemetry.io/otel/trace"

	"github.com/huleedu/edge/adapters/memory"
	"github.com/huleedu/edge/adapters/redis"
	"github.com/huleedu/edge/adapters/websocket"
	"github.com/huleedu/edge/ports"
)

// redisClient opens the client that all ports on Redis share.
func redisClient(c redis.Config, o ports.Observer, log *slog.Logger) adapter[*redis.Client] {
	return once(func(l *lifecycle) (*redis.Client, error) {
		client, err := redis.Open(c)
		if err != nil {
			return nil, err
		}
		l.release(func() {
			if err := client.Close(); err != nil {
				log.Warn("the Redis client was not closed", "error", err)
			}
		})
		client.Monitor(o, log)
		l.redis, l.redisAddress = client, client.Address()
		return client, nil
	})
}

// onRedis returns the adapter of a port on the shared client.
func onRedis[P any](open adapter[*redis.Client], build func(*redis.Client, *lifecycle) P) adapter[P] {
	return func(l *lifecycle) (port P, err error) {
		client, err := open(l)
		if err != nil {
			return port, err
		}
		return build(client, l), nil
	}
}

// redisRateLimiter counts in Redis and, while Redis is unavailable, in this process.
func redisRateLimiter(open adapter[*redis.Client], cfg redis.LimiterConfig, o ports.Observer) adapter[ports.RateLimiter] {
	return onRedis(open, func(c *redis.Client, l *lifecycle) ports.RateLimiter {
		limiter := redis.NewRateLimiter(c, cfg, memory.NewRateLimiter(), o)
		l.run("rate limits", limiter.Run)
		return limiter
	})
}

func redisIdempotency(open adapter[*redis.Client]) adapter[ports.Idempotency] {
	return onRedis(open, func(c *redis.Client, _ *lifecycle) ports.Idempotency { return redis.NewIdempotency(c) })
}

func redisRegistrations(open adapter[*redis.Client]) adapter[ports.BatchRegistrations] {
	return onRedis(open, func(c *redis.Client, _ *lifecycle) ports.BatchRegistrations { return redis.NewRegistrations(c) })
}

// redisQuota limits the connections of a user across all nodes and, while Redis is
// unavailable, on this node.
func redisQuota(open adapter[*redis.Client], s websocket.Config, o ports.Observer) adapter[ports.ConnectionQuota] {
	return onRedis(open, func(c *redis.Client, l *lifecycle) ports.ConnectionQuota {
		cfg := redis.QuotaConfig{PerUser: s.MaxConnectionsPerUser, Node: nodeName()}
		quota := redis.NewQuota(c, cfg, memory.NewQuota(s.MaxConnectionsPerUser), o)
		l.run("connection quota", quota.Run)
		return quota
	})
}

// nodeName returns host name and process id, for operators. In a container the host
// name is that of the pod.
func nodeName() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return host + "/" + strconv.Itoa(os.Getpid())
}

// redisListener decides with its subscription whether the node is ready.
func redisListener(open adapter[*redis.Client], cfg redis.ListenerConfig, o ports.Observer, tp trace.TracerProvider, log *slog.Logger) adapter[ports.MessageListener] {
	return onRedis(open, func(c *redis.Client, l *lifecycle) ports.MessageListener {
		listener := redis.NewListener(c, cfg, o, tp, log)
		l.own, l.subscription = append(l.own, listener), listener
		return listener
	})
}

func redisNotifications(open adapter[*redis.Client], cfg redis.NotifierConfig, channels redis.ListenerConfig) adapter[ports.NotificationPublisher] {
	return onRedis(open, func(c *redis.Client, _ *lifecycle) ports.NotificationPublisher {
		return redis.NewNotifier(c, cfg, channels.Prefix())
	})
}

func redisHistory(open adapter[*redis.Client]) adapter[ports.NotificationLog] {
	return onRedis(open, func(c *redis.Client, _ *lifecycle) ports.NotificationLog { return redis.NewLog(c) })
}
