package wire

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"go.opentelemetry.io/otel/trace"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// Ports are the adapters that a test uses in place of those of production. GatewayOn
// and WebSocketOn use the ports of their service and ignore the others. The inbound
// side (HTTP, WebSocket, the Kafka consumer) is that of production.
type Ports struct {
	Tokens   ports.TokenValidator
	Limiter  ports.RateLimiter
	Observer ports.Observer
	Tracing  trace.TracerProvider
	// Metrics serves /metrics; nil omits the route.
	Metrics   http.Handler
	Lifecycle Lifecycle

	// Ports of the gateway.
	Batches    ports.BatchStatusClient
	Preflight  ports.PreflightChecker
	Commands   ports.CommandPublisher
	Answers    ports.Idempotency
	Registry   ports.BatchRegistry
	Registered ports.BatchRegistrations
	Forwarding Forwarding

	// Ports of the notification service.
	Listener      ports.MessageListener
	Notifications ports.NotificationPublisher
	History       ports.NotificationLog
	Quota         ports.ConnectionQuota
}

// gatewayPorts and webSocketPorts are Ports with every port that the service needs, so
// that a missing one fails at the start.
type (
	gatewayPorts   Ports
	webSocketPorts Ports
)

func completeGateway(p Ports) (gatewayPorts, error) {
	return gatewayPorts(p), p.checkMissing(map[string]any{
		"Batches": p.Batches, "Preflight": p.Preflight, "Commands": p.Commands, "Answers": p.Answers, "Registry": p.Registry, "Registered": p.Registered,
	})
}

func completeWebSocket(p Ports) (webSocketPorts, error) {
	return webSocketPorts(p), p.checkMissing(map[string]any{
		"Listener": p.Listener, "Notifications": p.Notifications, "History": p.History, "Quota": p.Quota,
	})
}

// checkMissing returns an error that lists every nil port of needed and of those that
// both services need.
func (p Ports) checkMissing(needed map[string]any) error {
	needed["Tokens"], needed["Limiter"], needed["Observer"], needed["Tracing"] = p.Tokens, p.Limiter, p.Observer, p.Tracing
	var missing []string
	for name, adapter := range needed {
		if adapter == nil {
			missing = append(missing, name)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	slices.Sort(missing)
	return domain.NotStarted("ports", fmt.Errorf("no adapter for %s", strings.Join(missing, ", "))).WithOp("wire.Ports")
}

// Forwarding contains the transports to the services whose API is forwarded. For a nil
// transport the routes are answered with SERVICE_UNAVAILABLE.
type Forwarding struct {
	Classes, Teacher, Files http.RoundTripper
	// Health reports the health of these services.
	Health []ports.HealthProbe
}

// Lifecycle contains the background work, flushes and health probes of adapters. The zero
// value is valid.
type Lifecycle struct {
	// Loops run from start to stop.
	Loops []Loop
	// Flushes run at the end of a drain, in order: first events, then spans.
	Flushes []Flush
	// Own are components of this node that decide whether it is ready. Shared are
	// dependencies of all nodes, which are only reported.
	Own, Shared []ports.HealthProbe
	// Subscription reports whether this node receives messages; nil: always.
	Subscription ports.HealthProbe
	// Downstream are the services behind the gateway, for its health response.
	Downstream []ports.HealthProbe
	// Redis reports the health of Redis; nil if Redis is not used.
	Redis ports.HealthProbe
	// RedisAddress is the URL of Redis without credentials, for health responses.
	RedisAddress string
}

// Loop is background work that returns when its context is done.
type Loop struct {
	Name string
	Run  func(context.Context) error
}

// Flush writes buffered data before the process ends.
type Flush struct {
	Name string
	Do   func(context.Context) error
}
