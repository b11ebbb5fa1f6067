package wire

import (
	"context"
	"log/slog"
	"net/http"

	"go.opentelemetry.io/otel/trace"

	"github.com/huleedu/edge/adapters/httpserver"
	"github.com/huleedu/edge/adapters/kafka"
	"github.com/huleedu/edge/adapters/websocket"
	"github.com/huleedu/edge/app"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

func webSocketReadiness(u Lifecycle, c *kafka.Consumer) *app.Readiness {
	return app.NewReadiness(u.Own, append([]ports.HealthProbe{c}, u.Shared...))
}

// socketParts are the dependencies of the notification service's server.
type socketParts struct {
	Config      httpserver.WebSocketConfig
	Environment domain.Environment
	Handler     *websocket.Handler
	Manager     *websocket.Manager
	Sockets     websocket.Config
	Readiness   *app.Readiness
	Observer    ports.Observer
	Tracing     trace.TracerProvider
	Log         *slog.Logger
	Metrics     http.Handler
	Lifecycle   Lifecycle
}

func webSocketServer(p socketParts) (*httpserver.Server, error) {
	return httpserver.NewWebSocket(httpserver.WebSocketParts{
		Config: p.Config, Environment: p.Environment, Upgrade: p.Handler.Serve, Sockets: p.Manager,
		SocketsPerUser: p.Sockets.MaxConnectionsPerUser, Readiness: p.Readiness, Observer: p.Observer,
		Tracing: p.Tracing, Log: p.Log, Metrics: p.Metrics, Redis: p.Lifecycle.Redis, RedisAddress: p.Lifecycle.RedisAddress,
	})
}

// nodeParts are the components that a node of the notification service runs.
type nodeParts struct {
	Server        *httpserver.Server
	Manager       *websocket.Manager
	Sockets       websocket.Config
	Drain         SocketDrain
	Listener      ports.MessageListener
	Notifications *app.Notifications
	Consumer      *kafka.Consumer
	Readiness     *app.Readiness
	Watchdog      *app.SubscriptionWatchdog
	Lifecycle     Lifecycle
	Log           *slog.Logger
}

// newSubscriptionWatchdog returns the watchdog that closes the connections of a node
// without a subscription.
func newSubscriptionWatchdog(m *websocket.Manager, c websocket.Config, u Lifecycle) *app.SubscriptionWatchdog {
	return app.NewSubscriptionWatchdog(u.Subscription, m, c.RedisOutageGrace)
}

// webSocketProcess returns the process of a node. It consumes from Kafka only after its
// subscription is confirmed. Its drain leaves the consumer group first, so that other
// nodes take over its partitions while its connections still receive messages.
func webSocketProcess(n nodeParts) *Process {
	p := newProcess(domain.WebSocketService, n.Server, n.Readiness, n.Log)
	p.stopTimeout = n.Sockets.DrainTimeout
	membership := app.NewMembership(n.Lifecycle.Subscription, n.Lifecycle.Redis)
	consumer := newTask("kafka consumer", func(ctx context.Context) error {
		return membership.Run(ctx, n.Consumer.Run)
	})
	listener := newTask("subscription", func(ctx context.Context) error {
		return n.Listener.Run(ctx, n.Notifications)
	})
	p.addLifecycle(n.Lifecycle)
	p.tasks = append(p.tasks, listener, newTask("subscription watchdog", n.Watchdog.Run), consumer, serverTask(n.Server))
	p.drainSteps = []step{
		{"wait for the load balancer", func(ctx context.Context) error {
			n.Server.Retire()
			return pause(n.Drain.Notice)(ctx)
		}},
		{"leave the consumer group", consumer.stop},
		{"close sockets", n.Manager.Drain},
		{"finish requests", n.Server.Shutdown},
	}
	return p
}
