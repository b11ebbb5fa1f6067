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

// startSpan starts the request's server span under the client's trace, if it
// names one. With tracing off there is still a trace id, so that answers, logs
// and the services behind us can be tied together.
func (s *router) startSpan(ctx context.Context, r *http.Request, ep *endpoint) (context.Context, trace.Span) {
	if r.Header.Get("Traceparent") != "" {
		ctx = propagation.TraceContext{}.Extract(ctx, propagation.HeaderCarrier(r.Header))
	}
	ctx, span := s.tracer.Start(ctx, ep.span, ep.spanOptions...)
	if span.SpanContext().IsValid() {
		return ctx, span
	}
	ctx = trace.ContextWithSpanContext(ctx, newUnsampledContext())
	return ctx, trace.SpanFromContext(ctx)
}

// newUnsampledContext makes a trace that nobody records.
func newUnsampledContext() trace.SpanContext {
	var traceID trace.TraceID
	var spanID trace.SpanID
	rand.Read(traceID[:])
	rand.Read(spanID[:])
	return trace.NewSpanContext(trace.SpanContextConfig{TraceID: traceID, SpanID: spanID})
}

// recordSpanError notes an error on the current span, once, where it is answered.
func (s *router) recordSpanError(x *requestState, e *domain.Error) {
	if !x.span.IsRecording() {
		return
	}
	x.span.RecordError(e)
	x.span.SetStatus(codes.Error, e.Message)
	x.span.SetAttributes(
		attribute.Bool("error", true),
		attribute.String("error.code", string(e.Code)),
		attribute.String("error.message", e.Message),
		attribute.String("error.service", string(s.service)),
		attribute.String("error.operation", e.Op),
	)
}

// markSpanFailed says that a part of the request failed. The error itself is
// recorded on the request's span alone.
func markSpanFailed(span trace.Span, err error) {
	if err != nil && span.IsRecording() {
		span.SetStatus(codes.Error, domain.PublicMessage(err))
	}
}

// endSpan ends the request's span with what became of it.
func endSpan(x *requestState, status int) {
	if x.span.IsRecording() {
		x.span.SetAttributes(
			attribute.Int("http.response.status_code", status),
			attribute.String("correlation_id", x.trail.Correlation),
		)
	}
	x.span.End()
}
