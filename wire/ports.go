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

// Ports are the adapters that a test puts behind the application in place of
// the production's: GatewayOn and WebSocketOn take what their service needs
// and ignore the rest. Everything on the driving side (HTTP, sockets, the
// Kafka consumer) stays real.
type Ports struct {
	Tokens   ports.TokenValidator
	Limiter  ports.RateLimiter
	Observer ports.Observer
	Tracing  trace.TracerProvider
	// Metrics answers scrapes; nil leaves out the route.
	Metrics http.Handler
	Upkeep  Upkeep

	// The gateway's.
	Batches    ports.BatchStatusClient
	Preflight  ports.PreflightChecker
	Commands   ports.CommandPublisher
	Answers    ports.Idempotency
	Registry   ports.BatchRegistry
	Registered ports.BatchRegistrations
	Forwarding Forwarding

	// The notification service's.
	Listener      ports.MessageListener
	Notifications ports.NotificationPublisher
	History       ports.NotificationLog
	Quota         ports.ConnectionQuota
}

// gatewayPorts and webSocketPorts are Ports that lack nothing which the service
// needs, so that no request is the first to find a nil.
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

// checkMissing names every port that is nil, of those that both services need and of
// the service's own.
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
	return domain.NotStarted("ports", fmt.Errorf("nobody stands behind %s", strings.Join(missing, ", "))).At("wire.Ports")
}

// Forwarding is the ways to the services whose own API is passed on. Nil: there
// is nobody, and their routes are answered SERVICE_UNAVAILABLE.
type Forwarding struct {
	Classes, Teacher, Files http.RoundTripper
	// Health tells how these services do.
	Health []ports.HealthProbe
}

// Upkeep is what adapters need of the process beside their calls. The zero
// value is fine for adapters that need none.
type Upkeep struct {
	// Loops run from start to stop.
	Loops []Loop
	// Flushes run at the end of a drain, in order: first what was produced, then
	// what was recorded.
	Flushes []Flush
	// Own are parts of this node that decide whether it is ready; Shared are
	// dependencies of all nodes, which are only named.
	Own, Shared []ports.HealthProbe
	// Subscription tells whether this node still hears; nil: always.
	Subscription ports.HealthProbe
	// Downstream are the services behind the gateway, for its health answer.
	Downstream []ports.HealthProbe
	// Redis tells how Redis does; nil while there is none.
	Redis ports.HealthProbe
	// RedisAddress is Redis's URL without credentials, for health answers.
	RedisAddress string
}

// Loop is work in the background that returns when its context is done.
type Loop struct {
	Name string
	Run  func(context.Context) error
}

// Flush is a last effort before the process ends.
type Flush struct {
	Name string
	Do   func(context.Context) error
}
