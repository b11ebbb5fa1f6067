package wire

import (
	"context"
	"net/http"

	"go.opentelemetry.io/otel/trace"

	"github.com/huleedu/edge/app"
	"github.com/huleedu/edge/ports"
)

// GatewayOverride contains adapters that replace those of production in a test. A nil
// field keeps the production adapter. The production adapter of any other field is
// neither built nor started, and health responses do not list it. The caller starts
// and stops its own adapters.
type GatewayOverride struct {
	Tokens      ports.TokenValidator
	Limiter     ports.RateLimiter
	Idempotency ports.Idempotency
	Registered  ports.BatchRegistrations
	Batches     ports.BatchStatusClient
	Preflight   ports.PreflightChecker
	Registry    ports.BatchRegistry
	Commands    ports.CommandPublisher
	// Classes, Teacher and Files send requests to the services whose API is forwarded.
	Classes, Teacher, Files http.RoundTripper
	// Observer also replaces the metrics: there is no route /metrics.
	Observer ports.Observer
	Tracing  trace.TracerProvider
}

// WebSocketOverride contains adapters of the notification service that replace those
// of production in a test. The rules are those of GatewayOverride.
type WebSocketOverride struct {
	Tokens        ports.TokenValidator
	Limiter       ports.RateLimiter
	Quota         ports.ConnectionQuota
	Listener      ports.MessageListener
	Notifications ports.NotificationPublisher
	History       ports.NotificationLog
	// Consume replaces the Kafka consumer. It passes notification requests to the
	// application until ctx is done. It is called each time the node may consume.
	Consume func(ctx context.Context, to *app.Notifications) error
	// Observer also replaces the metrics: there is no route /metrics.
	Observer ports.Observer
	Tracing  trace.TracerProvider
}
