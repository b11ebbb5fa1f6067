package wire

import (
	"context"
	"errors"
	"log/slog"
	"sync"

	"go.opentelemetry.io/otel/trace"

	"github.com/huleedu/edge/adapters/httpserver"
	"github.com/huleedu/edge/adapters/sse"
	"github.com/huleedu/edge/adapters/websocket"
	"github.com/huleedu/edge/app"
	"github.com/huleedu/edge/app/delivery"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// webSocketAdapters are the production adapters of the notification service.
type webSocketAdapters struct {
	Tokens        adapter[ports.TokenValidator]
	Limiter       adapter[ports.RateLimiter]
	Quota         adapter[ports.ConnectionQuota]
	Listener      adapter[ports.MessageListener]
	Notifications adapter[ports.NotificationPublisher]
	History       adapter[ports.NotificationLog]
}

// webSocketPorts are the adapters that the notification service uses, without its
// telemetry and its consumer.
type webSocketPorts WebSocketOverride

// builtWebSocket contains the ports and the probes of the adapters that were built.
type builtWebSocket struct {
	Ports  webSocketPorts
	Health health
}

// buildWebSocket builds the adapter of each port that is not overridden.
func buildWebSocket(o WebSocketOverride, a webSocketAdapters, l *lifecycle) (builtWebSocket, error) {
	p := webSocketPorts(o)
	err := errors.Join(
		fill(&p.Tokens, a.Tokens, l),
		fill(&p.Limiter, a.Limiter, l),
		fill(&p.Quota, a.Quota, l),
		fill(&p.Listener, a.Listener, l),
		fill(&p.Notifications, a.Notifications, l),
		fill(&p.History, a.History, l),
	)
	return builtWebSocket{p, l.health}, err
}

func webSocketObserver(o WebSocketOverride, build adapter[ports.Observer], l *lifecycle) (ports.Observer, error) {
	return choose(o.Observer, build, l)
}

func webSocketTracing(o WebSocketOverride, build adapter[trace.TracerProvider], l *lifecycle) (trace.TracerProvider, error) {
	return choose(o.Tracing, build, l)
}

// consumer passes notification requests to the application while it runs.
type consumer struct {
	run func(context.Context) error
	// probes report its health; empty for an override.
	probes []ports.HealthProbe
}

func newConsumer(o WebSocketOverride, n *app.Notifications, build adapter[consumer], l *lifecycle) (consumer, error) {
	if o.Consume == nil {
		return build(l)
	}
	return consumer{run: func(ctx context.Context) error { return o.Consume(ctx, n) }}, nil
}

func notificationConfig(c WebSocketConfig) app.NotificationConfig {
	topic := c.Kafka.Topic
	if topic == "" {
		topic = domain.NotificationTopic
	}
	return app.NotificationConfig{Topic: topic, MaxBytes: c.Kafka.MaxBytes, AnnounceGaps: app.AnnounceGaps(c.AnnounceGaps)}
}

// managers returns the connection managers of all transports.
func managers(sockets *websocket.Manager, streams *sse.Manager) []ports.ConnectionManager {
	return []ports.ConnectionManager{sockets, streams}
}

// streamConfig returns the settings of the streams, which are those of the sockets.
func streamConfig(c websocket.Config) sse.Config {
	return sse.Config{Delivery: c.Delivery(), Origins: c.Origins, CloseOnTokenExpiry: c.CloseOnTokenExpiry, PeerTimeout: c.PongTimeout}
}

// admission returns the admission of the node, which all transports share.
func admission(c websocket.Config) *delivery.Admission { return c.NewAdmission() }

// refusedTokens returns the limit of handshakes without a valid token.
func refusedTokens(c websocket.Config) domain.Limit { return c.RefusedTokens() }

func webSocketReadiness(h health, c consumer) *app.Readiness {
	return app.NewReadiness(h.own, append(c.probes, h.shared...))
}

// newSubscriptionWatchdog returns the watchdog that closes the connections of a node
// without a subscription.
func newSubscriptionWatchdog(sockets *websocket.Manager, streams *sse.Manager, c websocket.Config, h health) *app.SubscriptionWatchdog {
	return app.NewSubscriptionWatchdog(h.subscription, []ports.ConnectionShedder{sockets, streams}, c.RedisOutageGrace)
}

// transports are the handlers of the routes of the connections.
type transports struct {
	Sockets *websocket.Handler
	Streams *sse.Handler
}

// webSocketServer adds to the parts what has no type of its own, and binds the server.
func webSocketServer(parts httpserver.WebSocketParts, t transports, c websocket.Config, h health, l *lifecycle) (*httpserver.Server, error) {
	parts.Upgrade, parts.Stream = t.Sockets.Serve, t.Streams.Serve
	parts.SocketsPerUser, parts.Metrics = c.MaxConnectionsPerUser, l.metrics
	parts.Redis, parts.RedisAddress = h.redis, h.redisAddress
	if h.redis == nil {
		parts.Redis = unusedRedis{}
	}
	return httpserver.NewWebSocket(parts)
}

// unusedRedis is the health of Redis if every port on it is overridden.
type unusedRedis struct{}

// Health reports a healthy dependency.
func (unusedRedis) Health(context.Context) domain.Health {
	return domain.Health{Name: "redis", Condition: domain.Healthy, Note: "not used"}
}

// nodeParts are the components that a node of the notification service runs.
type nodeParts struct {
	Environment   domain.Environment
	Server        *httpserver.Server
	Managers      []ports.ConnectionManager
	Sockets       websocket.Config
	Drain         SocketDrain
	Listener      ports.MessageListener
	Notifications *app.Notifications
	Consumer      consumer
	Readiness     *app.Readiness
	Watchdog      *app.SubscriptionWatchdog
	Health        health
	Lifecycle     *lifecycle
	Log           *slog.Logger
}

// webSocketProcess returns the process of a node. It consumes from Kafka only after its
// subscription is confirmed. Its drain leaves the consumer group first, so that other
// nodes take over its partitions while its connections still receive messages.
func webSocketProcess(n nodeParts) *Process {
	p := newProcess(domain.WebSocketService, n.Server, n.Readiness, n.Environment, n.Log)
	p.stopTimeout = n.Sockets.DrainTimeout
	membership := app.NewMembership(n.Health.subscription, n.Health.redis)
	consuming := newTask("kafka consumer", func(ctx context.Context) error {
		return membership.Run(ctx, n.Consumer.run)
	})
	listening := newTask("subscription", func(ctx context.Context) error {
		return n.Listener.Run(ctx, n.Notifications)
	})
	p.addLifecycle(n.Lifecycle)
	p.tasks = append(p.tasks, listening, newTask("subscription watchdog", n.Watchdog.Run), consuming, serverTask(n.Server))
	p.drainSteps = []step{
		retireStep(n.Server, n.Drain.Notice),
		{"leave the consumer group", consuming.stop},
		{"close connections", func(ctx context.Context) error { return drainAll(ctx, n.Managers) }},
		{"finish requests", n.Server.Shutdown},
	}
	return p
}

// drainAll drains the managers of all transports at the same time.
func drainAll(ctx context.Context, managers []ports.ConnectionManager) error {
	failed := make([]error, len(managers))
	var group sync.WaitGroup
	for i, m := range managers {
		group.Go(func() { failed[i] = m.Drain(ctx) })
	}
	group.Wait()
	return errors.Join(failed...)
}
