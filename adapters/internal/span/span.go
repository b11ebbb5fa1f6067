// Package span writes the spans of notification connections, whatever their transport.
package span

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
	"golang.org/x/time/rate"

	"github.com/huleedu/edge/app/delivery"
	"github.com/huleedu/edge/domain"
)

// maxForwardSpans is how many deliveries per second are offered to the tracer.
const maxForwardSpans = 100

// Spans writes the spans of a transport. No span carries a token or a payload.
type Spans struct{ tracer trace.Tracer }

// New returns the spans of the transport's package, whose path is the scope.
func New(tp trace.TracerProvider, scope string) Spans { return Spans{tp.Tracer(scope)} }

// deliverySpans writes the spans of deliveries.
type deliverySpans struct {
	Spans
	limiter *rate.Limiter
}

// DeliveryTracer returns the tracer of deliveries; nil when no span is recorded.
func (s Spans) DeliveryTracer() delivery.Tracer {
	if !isRecording(s.tracer) {
		return nil
	}
	return &deliverySpans{s, rate.NewLimiter(maxForwardSpans, maxForwardSpans)}
}

// isRecording reports whether the tracer records a span of a sampled trace. The span
// that it starts to find out is never ended, so that it is not exported.
func isRecording(tracer trace.Tracer) bool {
	sampled := trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{1}, SpanID: trace.SpanID{1}, TraceFlags: trace.FlagsSampled,
	})
	_, probe := tracer.Start(trace.ContextWithSpanContext(context.Background(), sampled), "probe")
	return probe.IsRecording()
}

// Sample returns true about maxForwardSpans times a second.
func (s *deliverySpans) Sample(now time.Time) bool { return s.limiter.AllowN(now, 1) }

// Record writes the span of the delivery.
func (s *deliverySpans) Record(ctx context.Context, d delivery.Delivery) {
	_, span := s.tracer.Start(ctx, "websocket.forward_message", trace.WithTimestamp(d.Received),
		trace.WithAttributes(attribute.String("user.id", string(d.User)), attribute.Int("message.size", d.Bytes)))
	span.End(trace.WithTimestamp(d.Written))
}

// StartValidation starts the span of the token's validation.
func (s Spans) StartValidation(ctx context.Context, hasToken bool) (context.Context, trace.Span) {
	return s.tracer.Start(ctx, "websocket.validate_token",
		trace.WithAttributes(attribute.Bool("has_token", hasToken), correlationOf(ctx)))
}

// StartConnect starts the span of an authenticated handshake up to its answer.
func (s Spans) StartConnect(ctx context.Context, user domain.UserID) (context.Context, trace.Span) {
	return s.tracer.Start(ctx, "websocket.connect",
		trace.WithAttributes(attribute.String("user.id", string(user)), correlationOf(ctx)))
}

func correlationOf(ctx context.Context) attribute.KeyValue {
	return attribute.String("correlation_id", domain.RequestContextOf(ctx).CorrelationID)
}

// RecordError records the error on the current span. It is called once, where a
// close frame answers the error.
func RecordError(ctx context.Context, err error) {
	span := trace.SpanFromContext(ctx)
	if !span.IsRecording() {
		return
	}
	e := domain.As(err)
	span.RecordError(e)
	span.SetStatus(codes.Error, e.Message)
	span.SetAttributes(
		attribute.Bool("error", true),
		attribute.String("error.code", string(e.Code)),
		attribute.String("error.message", e.Message),
		attribute.String("error.service", string(domain.WebSocketService)),
		attribute.String("error.operation", e.Op),
		semconv.ErrorTypeKey.String(string(e.Code)),
		correlationOf(ctx))
}
