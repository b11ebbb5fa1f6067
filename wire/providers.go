package wire

import (
	"io"
	"log/slog"
	"net/http"
	"os"
	"strconv"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/trace"

	"github.com/huleedu/edge/adapters/httpclient"
	"github.com/huleedu/edge/adapters/httpserver"
	"github.com/huleedu/edge/adapters/jwt"
	"github.com/huleedu/edge/adapters/kafka"
	"github.com/huleedu/edge/adapters/memory"
	"github.com/huleedu/edge/adapters/redis"
	"github.com/huleedu/edge/adapters/telemetry"
	"github.com/huleedu/edge/adapters/websocket"
	"github.com/huleedu/edge/app"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

func gatewayLogger(c telemetry.Config, out io.Writer) *slog.Logger {
	return telemetry.NewLogger(c, domain.GatewayService, out)
}

func webSocketLogger(c telemetry.Config, out io.Writer) *slog.Logger {
	return telemetry.NewLogger(c, domain.WebSocketService, out)
}

func gatewayTracing(c telemetry.Config, o telemetry.OTelConfig, log *slog.Logger) (*telemetry.Tracing, error) {
	return telemetry.NewTracing(c, o, domain.GatewayService, log)
}

func webSocketTracing(c telemetry.Config, o telemetry.OTelConfig, log *slog.Logger) (*telemetry.Tracing, error) {
	return telemetry.NewTracing(c, o, domain.WebSocketService, log)
}

func tracerProvider(t *telemetry.Tracing) trace.TracerProvider { return t.Provider() }

// metrics returns the handler of /metrics, or nil if metrics are disabled.
func metrics(c telemetry.Config, o *telemetry.Observer) http.Handler {
	if !c.EnableMetrics {
		return nil
	}
	return o.Handler()
}

// eventIDNamespace is the name space of event ids that are derived from names.
const eventIDNamespace = "urn:huleedu:edge:event"

func newIDs() app.IDs {
	space := uuid.NewSHA1(uuid.NameSpaceURL, []byte(eventIDNamespace))
	return app.IDs{
		New:      uuid.NewString,
		FromName: func(name string) string { return uuid.NewSHA1(space, []byte(name)).String() },
	}
}

func platformClient(c httpclient.Config, k httpclient.KeyConfig, o ports.Observer, tp trace.TracerProvider, log *slog.Logger) (*httpclient.Batches, func(), error) {
	b, err := httpclient.NewBatches(c, k, o, tp, log)
	if err != nil {
		return nil, nil, err
	}
	return b, b.Close, nil
}

// forwarding returns a connection pool for each service, so that a slow service does
// not affect the others. Uploads have a timeout of their own.
func forwarding(c httpclient.Config, h httpserver.GatewayConfig, o ports.Observer) (Forwarding, func()) {
	classes, teacher := httpclient.NewForwarder(domain.ClassManagement, c, o), httpclient.NewForwarder(domain.TeacherBFF, c, o)
	c.Timeout, c.StreamIdleTimeout = h.Uploads.Timeout, h.Uploads.Timeout // the server applies the limits of an upload
	files := httpclient.NewForwarder(domain.FileService, c, o)
	return Forwarding{classes, teacher, files, []ports.HealthProbe{classes, teacher, files}}, func() {
		classes.CloseIdleConnections()
		teacher.CloseIdleConnections()
		files.CloseIdleConnections()
	}
}

func redisClient(c redis.Config, log *slog.Logger) (*redis.Client, func(), error) {
	client, err := redis.Open(c)
	if err != nil {
		return nil, nil, err
	}
	return client, func() {
		if err := client.Close(); err != nil {
			log.Warn("the Redis client was not closed", "error", err)
		}
	}, nil
}

// rateLimiter counts in Redis and, while Redis is unavailable, in this process.
func rateLimiter(c *redis.Client, cfg redis.LimiterConfig, o ports.Observer) *redis.RateLimiter {
	return redis.NewRateLimiter(c, cfg, memory.NewRateLimiter(), o)
}

// quota limits the connections of a user across all nodes and, while Redis is
// unavailable, on this node.
func quota(r *redis.Client, c websocket.Config, o ports.Observer) *redis.Quota {
	cfg := redis.QuotaConfig{PerUser: c.MaxConnectionsPerUser, Node: nodeName()}
	return redis.NewQuota(r, cfg, memory.NewQuota(c.MaxConnectionsPerUser), o)
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

func notificationConfig(c WebSocketConfig) app.NotificationConfig {
	topic := c.Kafka.Topic
	if topic == "" {
		topic = domain.NotificationTopic
	}
	return app.NotificationConfig{Topic: topic, MaxBytes: c.Kafka.MaxBytes, AnnounceGaps: app.AnnounceGaps(c.AnnounceGaps)}
}

// managers returns the connection managers of all transports.
func managers(sockets *websocket.Manager) []ports.ConnectionManager {
	return []ports.ConnectionManager{sockets}
}

// lifecycleParts are the adapters of the gateway with background work, flushes or health.
type lifecycleParts struct {
	Keys     *jwt.Validator
	Commands *kafka.Publisher
	Platform *httpclient.Batches
	Others   Forwarding
	Redis    *redis.Client
	Limiter  *redis.RateLimiter
	Tracing  *telemetry.Tracing
}

func gatewayLifecycle(p lifecycleParts) Lifecycle {
	return Lifecycle{
		Loops:        []Loop{{"token keys", p.Keys.Run}, {"rate limits", p.Limiter.Run}, {"kafka health", p.Commands.Run}},
		Flushes:      []Flush{{"flush commands", p.Commands.Close}, {"flush spans", p.Tracing.Close}},
		Shared:       append([]ports.HealthProbe{p.Keys, p.Redis, p.Commands, p.Platform}, p.Others.Health...),
		Downstream:   append([]ports.HealthProbe{p.Platform, p.Commands}, p.Others.Health...),
		Redis:        p.Redis,
		RedisAddress: p.Redis.Address(),
	}
}

func webSocketLifecycle(v *jwt.Validator, l *redis.Listener, q *redis.Quota, r *redis.Client, t *telemetry.Tracing) Lifecycle {
	return Lifecycle{
		Loops:        []Loop{{"token keys", v.Run}, {"connection quota", q.Run}},
		Flushes:      []Flush{{"flush spans", t.Close}},
		Own:          []ports.HealthProbe{l},
		Subscription: l,
		Shared:       []ports.HealthProbe{v},
		Redis:        r,
		RedisAddress: r.Address(),
	}
}

func channelPrefix(c redis.ListenerConfig) redis.ChannelPrefix { return c.Prefix() }
