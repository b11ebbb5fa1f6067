package wire

import (
	wireinject "github.com/google/wire"

	"github.com/huleedu/edge/adapters/httpclient"
	"github.com/huleedu/edge/adapters/jwt"
	"github.com/huleedu/edge/adapters/kafka"
	"github.com/huleedu/edge/adapters/memory"
	"github.com/huleedu/edge/adapters/redis"
	"github.com/huleedu/edge/adapters/telemetry"
	"github.com/huleedu/edge/adapters/websocket"
	"github.com/huleedu/edge/app"
	"github.com/huleedu/edge/app/delivery"
	"github.com/huleedu/edge/ports"
)

// The bindings of adapters to ports, one set for each adapter package.

var jwtSet = wireinject.NewSet(
	jwt.New,
	wireinject.Bind(new(ports.TokenValidator), new(*jwt.Validator)),
)

var httpclientSet = wireinject.NewSet(
	platformClient,
	wireinject.Bind(new(ports.BatchStatusClient), new(*httpclient.Batches)),
	wireinject.Bind(new(ports.PreflightChecker), new(*httpclient.Batches)),
	wireinject.Bind(new(ports.BatchRegistry), new(*httpclient.Batches)),
	forwarding,
)

var kafkaSet = wireinject.NewSet(
	kafka.NewPublisher,
	wireinject.Bind(new(ports.CommandPublisher), new(*kafka.Publisher)),
)

var redisSet = wireinject.NewSet(
	redisClient,
	redis.NewListener,
	redis.NewNotifier,
	redis.NewLog,
	channelPrefix, quota,
	wireinject.Bind(new(ports.ConnectionQuota), new(*redis.Quota)),
	wireinject.Bind(new(ports.MessageListener), new(*redis.Listener)),
	wireinject.Bind(new(ports.NotificationPublisher), new(*redis.Notifier)),
	wireinject.Bind(new(ports.NotificationLog), new(*redis.Log)),
)

var redisLimitSet = wireinject.NewSet(
	redisClient, rateLimiter,
	wireinject.Bind(new(ports.RateLimiter), new(*redis.RateLimiter)),
	redis.NewIdempotency,
	wireinject.Bind(new(ports.Idempotency), new(*redis.Idempotency)),
	redis.NewRegistrations,
	wireinject.Bind(new(ports.BatchRegistrations), new(*redis.Registrations)),
)

var memorySet = wireinject.NewSet(
	memory.NewRateLimiter,
	wireinject.Bind(new(ports.RateLimiter), new(*memory.RateLimiter)),
)

var websocketSet = wireinject.NewSet(
	wireinject.Struct(new(delivery.Parts), "Quota", "Listener", "History", "Observer", "Log"),
	websocket.NewManager,
	websocket.NewHandler,
)

var gatewayTelemetrySet = wireinject.NewSet(
	gatewayLogger, gatewayTracing, tracerProvider, telemetry.NewGatewayObserver, metrics,
	wireinject.Bind(new(ports.Observer), new(*telemetry.Observer)),
)

var webSocketTelemetrySet = wireinject.NewSet(
	webSocketLogger, webSocketTracing, tracerProvider, telemetry.NewWebSocketObserver, metrics,
	wireinject.Bind(new(ports.Observer), new(*telemetry.Observer)),
)

// The use-cases and the inbound side of each service do not depend on the adapters.

var gatewaySet = wireinject.NewSet(
	wireinject.FieldsOf(new(GatewayConfig), "Environment", "HTTP", "Drain"),
	app.NewBatches, app.NewPipelines, app.NewRegistrations, wireinject.Struct(new(app.PipelineParts), "*"), newIDs, gatewayReadiness, gatewayProcess,
	gatewayServer, wireinject.Struct(new(gatewayParts), "*"),
)

var webSocketSet = wireinject.NewSet(
	wireinject.FieldsOf(new(WebSocketConfig), "Environment", "HTTP", "Sockets", "Drain", "Kafka"),
	websocketSet, notificationConfig, managers, app.NewNotifications,
	kafka.NewConsumer, webSocketReadiness, newSubscriptionWatchdog,
	webSocketServer, wireinject.Struct(new(socketParts), "*"),
	webSocketProcess, wireinject.Struct(new(nodeParts), "*"),
)
