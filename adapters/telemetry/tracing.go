package telemetry

import (
	"context"
	"log/slog"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/huleedu/edge/domain"
)

// Tracing creates spans and sends them to the collector in the background. While the
// collector is unavailable spans are lost, but no request is delayed.
type Tracing struct {
	provider trace.TracerProvider
	// sdk is nil when tracing is off.
	sdk *sdk.TracerProvider
	// cancelExports cancels an export in progress; nil if nothing is exported.
	cancelExports context.CancelFunc
}

// ProcessInfo identifies the process in spans.
type ProcessInfo struct {
	Service     domain.Service
	Environment domain.Environment
	// Instance distinguishes the process from others of the service.
	Instance string
}

// NewTracing starts tracing for a service.
//
//   - Tracing disabled: no spans are created and the caller's trace context is
//     forwarded unchanged.
//   - No collector: spans have ids, which logs and responses contain, but they are not
//     recorded, and the sampled flag for downstream services is false.
//   - Otherwise the sampler decides. Spans that cannot be sent are logged.
//
// It returns an INITIALIZATION_FAILED for invalid settings. The caller must call Close.
func NewTracing(c Config, o OTelConfig, p ProcessInfo, log *slog.Logger) (*Tracing, error) {
	if !c.EnableTracing || o.Disabled {
		return &Tracing{provider: noop.NewTracerProvider()}, nil
	}
	if o.endpoint() == "" {
		silent := sdk.NewTracerProvider(sdk.WithSampler(sdk.NeverSample()))
		return &Tracing{provider: silent, sdk: silent}, nil
	}
	sampler, ok := o.sampler()
	if !ok {
		return nil, domain.NotStarted("tracing", domain.Misconfigured("OTEL_TRACES_SAMPLER", "unknown sampler"))
	}
	ctx, abandon := context.WithCancel(context.Background())
	target, err := o.exporter(ctx)
	if err != nil {
		abandon()
		return nil, domain.NotStarted("tracing", err)
	}
	about, err := newResource(ctx, c, p)
	if err != nil {
		log.Warn("trace resource is incomplete", "error", err)
	}
	provider := sdk.NewTracerProvider(sdk.WithSampler(sampler), sdk.WithResource(about),
		sdk.WithBatcher(&exporter{target: target, cancelled: ctx.Done(), log: log}))
	return &Tracing{provider: provider, sdk: provider, cancelExports: abandon}, nil
}

// exporter returns an exporter for the configured protocol. It does not wait for the
// collector.
func (c *OTelConfig) exporter(ctx context.Context) (*otlptrace.Exporter, error) {
	if c.protocol() == protocolGRPC {
		return otlptracegrpc.New(ctx, otlptracegrpc.WithEndpointURL(c.endpoint()))
	}
	return otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(c.httpURL()))
}

// newResource returns the resource of the spans. OTEL_SERVICE_NAME and
// OTEL_RESOURCE_ATTRIBUTES have precedence.
func newResource(ctx context.Context, c Config, p ProcessInfo) (*resource.Resource, error) {
	return resource.New(ctx,
		resource.WithTelemetrySDK(),
		resource.WithAttributes(
			semconv.ServiceName(c.name(p.Service)),
			semconv.ServiceVersion(domain.Version),
			semconv.ServiceInstanceID(p.Instance),
			semconv.DeploymentEnvironmentNameKey.String(string(p.Environment))),
		resource.WithFromEnv())
}

// Provider returns the tracer provider. It is safe for concurrent use.
func (t *Tracing) Provider() trace.TracerProvider { return t.provider }

// Flush sends all ended spans. It returns a CONNECTION_ERROR if ctx is done first.
func (t *Tracing) Flush(ctx context.Context) error {
	if t.sdk == nil {
		return nil
	}
	if err := t.sdk.ForceFlush(ctx); err != nil {
		return exportError(err)
	}
	return nil
}

// closeTimeout is how long Close waits for the collector.
const closeTimeout = 2 * time.Second

// Close sends the remaining spans for at most two seconds or until ctx is done, then
// drops the rest: a collector that does not respond must not delay the shutdown. The dropped
// spans are logged and are no error unless ctx was done. Spans that end later are
// dropped. It may be called more than once.
func (t *Tracing) Close(ctx context.Context) error {
	if t.sdk == nil {
		return nil
	}
	limited, cancel := context.WithTimeout(ctx, closeTimeout)
	defer cancel()
	err := t.sdk.Shutdown(limited)
	if t.cancelExports != nil {
		t.cancelExports()
	}
	if err == nil || limited.Err() != nil && ctx.Err() == nil {
		return nil
	}
	return exportError(err)
}

func exportError(cause error) error {
	return domain.Unreachable("trace collector", cause).WithOp("telemetry.Tracing")
}

// exporter sends spans to the collector. It logs failures itself, because the error
// handler of the SDK is global.
type exporter struct {
	target sdk.SpanExporter
	// cancelled is closed to cancel an export in progress.
	cancelled <-chan struct{}
	log       *slog.Logger
	// failing is set after a failed export. Exports are not concurrent.
	failing bool
}

// ExportSpans sends one batch. It is not called concurrently. It returns nil also after
// a failure. It logs the first failure, and the first success after it.
func (e *exporter) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-e.cancelled:
			cancel()
		case <-ctx.Done():
		}
	}()
	err := e.target.ExportSpans(ctx, spans)
	switch failed := err != nil; {
	case failed && !e.failing:
		e.log.WarnContext(ctx, "spans were not exported", "count", len(spans), "error", err)
	case !failed && e.failing:
		e.log.InfoContext(ctx, "spans are exported again")
	}
	e.failing = err != nil
	return nil
}

// Shutdown closes the connection to the collector.
func (e *exporter) Shutdown(ctx context.Context) error { return e.target.Shutdown(ctx) }
