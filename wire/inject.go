//go:build wireinject

package wire

import (
	"io"

	wireinject "github.com/google/wire"
)

// Gateway builds the API gateway with its production adapters. Logs are written to out.
// Call the cleanup after the process has stopped; it closes connections.
func Gateway(cfg GatewayConfig, out io.Writer) (*Process, func(), error) {
	panic(wireinject.Build(
		wireinject.FieldsOf(new(GatewayConfig), "Tokens", "Platform", "PlatformKey", "Kafka", "Redis", "Limiter", "Telemetry", "OTel"),
		jwtSet, httpclientSet, kafkaSet, redisLimitSet, gatewayTelemetrySet, gatewaySet,
		gatewayLifecycle, wireinject.Struct(new(lifecycleParts), "*"),
	))
}

// WebSocket builds the notification service with its production adapters. Logs are
// written to out. Call the cleanup after the process has stopped; it closes
// connections.
func WebSocket(cfg WebSocketConfig, out io.Writer) (*Process, func(), error) {
	panic(wireinject.Build(
		wireinject.FieldsOf(new(WebSocketConfig), "Tokens", "Redis", "Listener", "Notifier", "Telemetry", "OTel"),
		jwtSet, redisSet, memorySet, webSocketTelemetrySet, webSocketLifecycle, webSocketSet,
	))
}

// GatewayOn builds the gateway with the given adapters, for tests. It returns an
// INITIALIZATION_FAILED that lists every missing port.
func GatewayOn(cfg GatewayConfig, p Ports, out io.Writer) (*Process, error) {
	panic(wireinject.Build(
		wireinject.FieldsOf(new(GatewayConfig), "Platform", "Telemetry"),
		completeGateway, wireinject.FieldsOf(new(gatewayPorts), "Tokens", "Limiter", "Observer", "Tracing", "Metrics", "Lifecycle", "Batches", "Preflight", "Commands", "Answers", "Registry", "Registered", "Forwarding"),
		gatewayLogger, gatewaySet,
	))
}

// WebSocketOn builds the notification service with the given adapters, for tests. It
// returns an INITIALIZATION_FAILED that lists every missing port.
func WebSocketOn(cfg WebSocketConfig, p Ports, out io.Writer) (*Process, error) {
	panic(wireinject.Build(
		wireinject.FieldsOf(new(WebSocketConfig), "Telemetry"),
		completeWebSocket, wireinject.FieldsOf(new(webSocketPorts), "Tokens", "Limiter", "Observer", "Tracing", "Metrics", "Lifecycle", "Listener", "Notifications", "History", "Quota"),
		webSocketLogger, webSocketSet,
	))
}
