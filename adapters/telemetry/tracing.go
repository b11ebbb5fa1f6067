package telemetry

import (
	"context"
	"log/slog"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/huleedu/edge/domain"
)

// Tracing makes spans and sends them to the collector, in the background: a
// collector that is away costs spans, never a request.
type Tracing struct {
	provider trace.TracerProvider
	// sdk is nil when tracing is off.
	sdk *sdk.TracerProvider
	// cancelExports ends an export under way; nil when nothing is exported.
	cancelExports context.CancelFunc
}

// NewTracing starts tracing for a service.
//
//   - Tracing off: spans cost nothing and a caller's trace context is passed on
//     as it came.
//   - No collector: spans have ids, which logs and answers show, but nothing is
//     recorded, and downstream services are told so by the sampled flag.
//   - Else spans are kept as the sampler says. What cannot be sent is logged.
//
// It returns an INITIALIZATION_FAILED for settings that cannot be used. Close
// is owed.
func NewTracing(c Config, o OTelConfig, s domain.Service, log *slog.Logger) (*Tracing, error) {
	if !c.EnableTracing || o.Disabled {
		return &Tracing{provider: noopProvider{}}, nil
	}
	if o.endpoint() == "" {
		p := sdk.NewTracerProvider(sdk.WithSampler(sdk.NeverSample()))
		return &Tracing{provider: p, sdk: p}, nil
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
	about, err := newResource(ctx, c, s)
	if err != nil {
		log.Warn("trace resource is incomplete", "error", err)
	}
	p := sdk.NewTracerProvider(sdk.WithSampler(sampler), sdk.WithResource(about),
		sdk.WithBatcher(&exporter{target: target, cancelled: ctx.Done(), log: log}))
	return &Tracing{provider: p, sdk: p, cancelExports: abandon}, nil
}

// exporter opens the way to the collector. It does not wait for the collector.
func (c OTelConfig) exporter(ctx context.Context) (*otlptrace.Exporter, error) {
	if c.protocol() == protocolGRPC {
		return otlptracegrpc.New(ctx, otlptracegrpc.WithEndpointURL(c.endpoint()))
	}
	return otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(c.httpURL()))
}

// newResource says whose spans these are; OTEL_SERVICE_NAME and
// OTEL_RESOURCE_ATTRIBUTES have the last word.
func newResource(ctx context.Context, c Config, s domain.Service) (*resource.Resource, error) {
	return resource.New(ctx,
		resource.WithTelemetrySDK(),
		resource.WithAttributes(
			attribute.String("service.name", c.name(s)),
			attribute.String("service.version", domain.Version)),
		resource.WithFromEnv())
}

// Provider makes the tracers. It is safe for any number of callers.
func (t *Tracing) Provider() trace.TracerProvider { return t.provider }

// Flush sends every ended span, and returns when they are gone or ctx is done.
func (t *Tracing) Flush(ctx context.Context) error {
	if t.sdk == nil {
		return nil
	}
	if err := t.sdk.ForceFlush(ctx); err != nil {
		return exportError(err)
	}
	return nil
}

// Close sends what is left until ctx is done, then gives up the rest. Spans
// that end later are dropped. It may be called more than once.
func (t *Tracing) Close(ctx context.Context) error {
	if t.sdk == nil {
		return nil
	}
	err := t.sdk.Shutdown(ctx)
	if t.cancelExports != nil {
		t.cancelExports()
	}
	if err != nil {
		return exportError(err)
	}
	return nil
}

func exportError(cause error) error {
	return domain.Unreachable("trace collector", cause).At("telemetry.Tracing")
}

// exporter hands spans to the collector. A failure ends here, in the log, and
// not in the SDK's handler, which the whole process shares.
type exporter struct {
	target sdk.SpanExporter
	// cancelled is closed when the export under way shall be given up.
	cancelled <-chan struct{}
	log       *slog.Logger
}

// ExportSpans sends one batch; it is not called concurrently.
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
	if err := e.target.ExportSpans(ctx, spans); err != nil {
		e.log.WarnContext(ctx, "spans were not exported", "count", len(spans), "error", err)
	}
	return nil
}

// Shutdown releases the exporter.
func (e *exporter) Shutdown(ctx context.Context) error { return e.target.Shutdown(ctx) }
