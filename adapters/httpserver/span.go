package httpserver

import (
	"context"
	"crypto/rand"
	"net/http"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/huleedu/edge/adapters/httpserver/decode"
	"github.com/huleedu/edge/domain"
)

// scope names this package's spans.
const scope = "github.com/huleedu/edge/adapters/httpserver"

// startSpan starts the request's server span, as a child of the client's trace if
// there is one. Without tracing it creates a trace id for answers, logs and
// services.
func (m *middleware) startSpan(ctx context.Context, r *http.Request, ep *endpoint) (context.Context, trace.Span) {
	ctx = propagation.TraceContext{}.Extract(ctx, propagation.HeaderCarrier(r.Header))
	ctx, span := m.tracer.Start(ctx, ep.span, ep.spanOptions...)
	if span.IsRecording() {
		span.SetAttributes(m.requestAttributes(r, ep)...)
	}
	if span.SpanContext().IsValid() {
		return ctx, span
	}
	ctx = trace.ContextWithSpanContext(ctx, newUnsampledContext())
	return ctx, trace.SpanFromContext(ctx)
}

// requestAttributes returns the attributes of a request that its route does not say. The query
// is left out, because it may contain a token.
func (m *middleware) requestAttributes(r *http.Request, ep *endpoint) []attribute.KeyValue {
	out := []attribute.KeyValue{
		semconv.URLPath(decode.Clip(r.URL.EscapedPath(), maxPathText)),
		semconv.URLScheme(m.proxies.Scheme(r)),
		semconv.ClientAddress(m.proxies.Address(r)),
	}
	if ep.method == "" {
		out = append(out, semconv.HTTPRequestMethodKey.String(spanMethod(ep.label(r.Method))))
	}
	return out
}

// spanMethod returns the method as the conventions for spans write it.
func spanMethod(label string) string {
	if label == "OTHER" {
		return "_OTHER"
	}
	return label
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
		semconv.ErrorTypeKey.String(string(e.Code)),
	)
}

// endSpan ends the request's span with its status.
func endSpan(x *requestState, status int) {
	if x.span.IsRecording() {
		x.span.SetAttributes(
			semconv.HTTPResponseStatusCode(status),
			attribute.String("correlation_id", x.ids.CorrelationID),
		)
	}
	x.span.End()
}
