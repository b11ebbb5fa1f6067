package wire

import (
	"time"

	"github.com/huleedu/edge/adapters/sse"
	"github.com/huleedu/edge/adapters/websocket"
	"github.com/huleedu/edge/app"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// nodeInfo identifies this process.
func nodeInfo(s domain.Service, e domain.Environment) app.NodeInfo {
	return app.NodeInfo{
		Service: s, Version: releaseVersion(), Revision: revision(), Name: nodeName(), Started: time.Now(), Environment: e,
	}
}

// gatewayOperators returns what operators can ask the gateway.
func gatewayOperators(c GatewayConfig, r *app.Readiness, h health) *app.Operators {
	return app.NewOperators(app.OperatorsParts{
		Node: nodeInfo(domain.GatewayService, c.Environment), Readiness: r, Settings: c.Effective,
		Limits: gatewayLimits(c), Counts: func() map[string]int64 { return circuitCounts(h.circuits) }, Circuits: h.circuits,
	})
}

func gatewayLimits(c GatewayConfig) map[string]int64 {
	return map[string]int64{
		"calls_per_service":   int64(c.Platform.MaxConcurrency),
		"body_bytes":          c.HTTP.MaxBodyBytes,
		"upload_bytes":        c.HTTP.Uploads.MaxBytes,
		"upload_files":        int64(c.HTTP.Uploads.MaxFiles),
		"rate_window_seconds": int64(c.HTTP.Limits.Window.Seconds()),
		"rate_commands":       int64(c.HTTP.Limits.Commands),
		"rate_uploads":        int64(c.HTTP.Limits.Uploads),
		"rate_queries":        int64(c.HTTP.Limits.Queries),
		"rate_default":        int64(c.HTTP.Limits.Default),
	}
}

// circuitCounts returns the sums over all services.
func circuitCounts(reporters []ports.CircuitReporter) map[string]int64 {
	var calls, idle, open int64
	for _, r := range reporters {
		for _, c := range r.Circuits() {
			calls += int64(c.InFlight)
			idle += int64(c.IdleConnections)
			if c.State != domain.CircuitStateClosed {
				open++
			}
		}
	}
	return map[string]int64{"calls_in_flight": calls, "idle_connections": idle, "circuits_not_closed": open}
}

// webSocketOperators returns what operators can ask the notification service.
func webSocketOperators(c WebSocketConfig, r *app.Readiness, sockets *websocket.Manager, streams *sse.Manager) *app.Operators {
	return app.NewOperators(app.OperatorsParts{
		Node: nodeInfo(domain.WebSocketService, c.Environment), Readiness: r, Settings: c.Effective,
		Limits: map[string]int64{
			"connections":          int64(c.Sockets.Capacity()),
			"connections_per_user": int64(c.Sockets.MaxConnectionsPerUser),
			"queue_messages":       int64(c.Sockets.SendQueueMessages),
			"queue_bytes":          int64(c.Sockets.SendQueueBytes),
			"notification_bytes":   int64(c.Kafka.MaxBytes),
		},
		Counts: func() map[string]int64 {
			open, streaming := int64(sockets.Total()), int64(streams.Total())
			return map[string]int64{"connections": open + streaming, "websocket": open, "sse": streaming}
		},
		Connections: []ports.ConnectionLister{sockets, streams},
	})
}
