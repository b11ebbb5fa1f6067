//go:build wireinject

package wire

import (
	"io"

	wireinject "github.com/google/wire"
)

// Gateway builds the API gateway. A test can replace adapters; the zero override uses
// those of production. Logs are written to out. Call the cleanup after the process has
// stopped; it closes connections.
func Gateway(cfg GatewayConfig, out io.Writer, o GatewayOverride) (*Process, func(), error) {
	panic(wireinject.Build(gatewayConfigSet, gatewayAdapterSet, gatewaySet))
}

// WebSocket builds the notification service. A test can replace adapters; the zero
// override uses those of production. Logs are written to out. Call the cleanup after
// the process has stopped; it closes connections.
func WebSocket(cfg WebSocketConfig, out io.Writer, o WebSocketOverride) (*Process, func(), error) {
	panic(wireinject.Build(webSocketConfigSet, webSocketAdapterSet, webSocketSet))
}
