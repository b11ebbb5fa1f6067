package wire

import (
	wireinject "github.com/google/wire"

	"github.com/huleedu/edge/adapters/httpserver"
	"github.com/huleedu/edge/adapters/sse"
	"github.com/huleedu/edge/adapters/telemetry"
	"github.com/huleedu/edge/adapters/websocket"
	"github.com/huleedu/edge/app"
	"github.com/huleedu/edge/app/delivery"
	"github.com/huleedu/edge/domain"
)

// gatewayAdapterSet contains the production adapters of the gateway, one line for each port. To
// use another adapter, replace the line by the function that builds it, and run "make wire".
var gatewayAdapterSet = wireinject.NewSet(
	jwtTokens,          // ports.TokenValidator
	redisRateLimiter,   // ports.RateLimiter
	redisIdempotency,   // ports.Idempotency
	redisRegistrations, // ports.BatchRegistrations
	platformBatches,    // ports.BatchStatusClient
	platformPreflight,  // ports.PreflightChecker
	platformRegistry,   // ports.BatchRegistry
	kafkaCommands,      // ports.CommandPublisher
	gatewayMetrics,     // ports.Observer
	tracing,            // trace.TracerProvider
	httpForwarders,     // the http.RoundTrippers to the services that are forwarded to
	redisClient, platformClient,
)

// webSocketAdapterSet contains the production adapters of the notification service, one line
// for each port.
var webSocketAdapterSet = wireinject.NewSet(
	jwtTokens,          // ports.TokenValidator
	memoryRateLimiter,  // ports.RateLimiter
	redisQuota,         // ports.ConnectionQuota
	redisListener,      // ports.MessageListener
	redisNotifications, // ports.NotificationPublisher
	redisHistory,       // ports.NotificationLog
	webSocketMetrics,   // ports.Observer
	tracing,            // trace.TracerProvider
	kafkaConsumer,      // calls app.Notifications
	redisClient,
)

// gatewayConfigSet provides each adapter of the gateway with its settings.
var gatewayConfigSet = wireinject.NewSet(
	wireinject.FieldsOf(new(GatewayConfig), "Environment", "HTTP", "Tokens", "Platform", "PlatformKey", "Kafka", "Redis", "Limiter", "Telemetry", "OTel"),
)

// webSocketConfigSet provides each adapter of the notification service with its settings.
var webSocketConfigSet = wireinject.NewSet(
	wireinject.FieldsOf(new(WebSocketConfig), "Environment", "HTTP", "Sockets", "Drain", "Tokens", "Redis", "Listener", "Notifier", "Kafka", "Telemetry", "OTel"),
	notificationConfig,
)

// gatewaySet contains the use cases and the server of the gateway. They do not depend on the
// adapters of gatewayAdapterSet.
var gatewaySet = wireinject.NewSet(
	wireinject.Value(domain.GatewayService), telemetry.NewLogger,
	newLifecycle, gatewayObserver, gatewayTracing, buildGateway, wireinject.Struct(new(gatewayAdapters), "*"),
	wireinject.FieldsOf(new(builtGateway), "Ports", "Health"),
	wireinject.FieldsOf(new(gatewayPorts), "Tokens", "Limiter", "Idempotency", "Registered", "Batches", "Preflight", "Registry", "Commands"),
	app.NewBatches, app.NewPipelines, wireinject.Struct(new(app.PipelineParts), "*"), newIDs, app.NewRegistrations,
	app.NewAuthentication, gatewayRefusedTokens, gatewayReadiness, gatewayOperators, gatewayServer, gatewayProcess,
	wireinject.Struct(new(httpserver.GatewayParts), "Config", "Environment", "Authentication", "Limiter", "Batches", "Pipelines", "Registrations", "Readiness", "Operators", "Observer", "Tracing", "Log"),
)

// webSocketSet contains the use cases and the servers of the notification service. They do not
// depend on the adapters of webSocketAdapterSet.
var webSocketSet = wireinject.NewSet(
	wireinject.Value(domain.WebSocketService), telemetry.NewLogger,
	newLifecycle, webSocketObserver, webSocketTracing, buildWebSocket, wireinject.Struct(new(webSocketAdapters), "*"),
	wireinject.FieldsOf(new(builtWebSocket), "Ports", "Health"),
	wireinject.FieldsOf(new(webSocketPorts), "Tokens", "Limiter", "Quota", "Listener", "Notifications", "History"),
	app.NewNotifications, managers, newConsumer, newSubscriptionWatchdog,
	websocket.NewManager, websocket.NewHandler, streamConfig, sse.NewManager, sse.NewHandler, wireinject.Struct(new(transports), "*"),
	app.NewAuthentication, refusedTokens, admission, wireinject.Struct(new(delivery.Parts), "Admission", "Quota", "Listener", "History", "Observer", "Log"),
	webSocketReadiness, webSocketOperators, webSocketServer, webSocketProcess, wireinject.Struct(new(nodeParts), "*"),
	wireinject.Struct(new(httpserver.WebSocketParts), "Config", "Environment", "Managers", "Readiness", "Operators", "Observer", "Tracing", "Log"),
)
