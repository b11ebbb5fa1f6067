package httpserver

import (
	"context"
	"crypto/rand"
	"net/http"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/huleedu/edge/domain"
)

// scope names this package's spans.
const scope = "github.com/huleedu/edge/adapters/httpserver"

// startSpan starts the request's server span, as a child of the client's trace if
// there is one. Without tracing it creates a trace id for answers, logs and
// services.
func startSpan(ctx context.Context, tracer trace.Tracer, r *http.Request, ep *endpoint) (context.Context, trace.Span) {
	ctx = propagation.TraceContext{}.Extract(ctx, propagation.HeaderCarrier(r.Header))
	ctx, span := tracer.Start(ctx, ep.span, ep.spanOptions...)
	if span.SpanContext().IsValid() {
		return ctx, span
	}
	ctx = trace.ContextWithSpanContext(ctx, newUnsampledContext())
	return ctx, trace.SpanFromContext(ctx)
}

// newUnsampledContext returns a span context with random ids that is not sampled.
func newUnsampledContext() trace.SpanContext {
	var traceID trace.TraceID
	var spanID trace.SpanID
	rand.Read(traceID[:])
	rand.Read(spanID[:])
	return trace.NewSpanContext(trace.SpanContextConfig{TraceID: traceID, SpanID: spanID})
}

// recordSpanError records the answered error on the request's span.
func recordSpanError(span trace.Span, service domain.Service, e *domain.Error) {
	if !span.IsRecording() {
		return
	}
	span.RecordError(e)
	span.SetStatus(codes.Error, e.Message)
	span.SetAttributes(
		attribute.Bool("error", true),
		attribute.String("error.code", string(e.Code)),
		attribute.String("error.message", e.Message),
		attribute.String("error.service", string(service)),
		attribute.String("error.operation", e.Op),
	)
}

// endSpan ends the request's span with its status.
func endSpan(x *requestState, status int) {
	if x.span.IsRecording() {
		x.span.SetAttributes(
			attribute.Int("http.response.status_code", status),
			attribute.String("correlation_id", x.ids.CorrelationID),
		)
	}
	x.span.End()
}
