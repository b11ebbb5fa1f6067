//go:build wireinject

package wire

import (
	"io"

	wireinject "github.com/google/wire"
)

// Gateway wires the API gateway on its production adapters. Logs go to out.
// The cleanup releases handles; call it after the process has stopped.
func Gateway(cfg GatewayConfig, out io.Writer) (*Process, func(), error) {
	panic(wireinject.Build(
		wireinject.FieldsOf(new(GatewayConfig), "Tokens", "Platform", "PlatformKey", "Kafka", "Redis", "Limiter", "Telemetry", "OTel"),
		jwtSet, httpclientSet, kafkaSet, redisLimitSet, gatewayTelemetrySet, gatewaySet,
		gatewayUpkeep, wireinject.Struct(new(upkeepParts), "*"),
	))
}

// WebSocket wires the notification service on its production adapters. Logs go
// to out. The cleanup releases handles; call it after the process has stopped.
func WebSocket(cfg WebSocketConfig, out io.Writer) (*Process, func(), error) {
	panic(wireinject.Build(
		wireinject.FieldsOf(new(WebSocketConfig), "Tokens", "Redis", "Listener", "Notifier", "Telemetry", "OTel"),
		jwtSet, redisSet, memorySet, webSocketTelemetrySet, webSocketUpkeep, webSocketSet,
	))
}

// GatewayOn wires the gateway on the given adapters, for tests that swap one. It
// returns INITIALIZATION_FAILED naming every port that is missing.
func GatewayOn(cfg GatewayConfig, p Ports, out io.Writer) (*Process, error) {
	panic(wireinject.Build(
		wireinject.FieldsOf(new(GatewayConfig), "Platform", "Telemetry"),
		completeGateway, wireinject.FieldsOf(new(gatewayPorts), "Tokens", "Limiter", "Observer", "Tracing", "Metrics", "Upkeep", "Batches", "Preflight", "Commands", "Answers", "Registry", "Registered", "Forwarding"),
		gatewayLogger, gatewaySet,
	))
}

// WebSocketOn wires the notification service on the given adapters, for tests
// that swap one. It returns INITIALIZATION_FAILED naming every port that is
// missing.
func WebSocketOn(cfg WebSocketConfig, p Ports, out io.Writer) (*Process, error) {
	panic(wireinject.Build(
		wireinject.FieldsOf(new(WebSocketConfig), "Telemetry"),
		completeWebSocket, wireinject.FieldsOf(new(webSocketPorts), "Tokens", "Limiter", "Observer", "Tracing", "Metrics", "Upkeep", "Listener", "Notifications", "History", "Quota"),
		webSocketLogger, webSocketSet,
	))
}
