package websocket

import (
	"context"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/huleedu/edge/domain"
)

// maxForwardSpans is how many deliveries a second are offered to the tracer:
// all of a quiet node, some of a busy one.
const maxForwardSpans = 100

// spans writes this package's spans. None carries a token or a payload.
type spans struct {
	tracer   trace.Tracer
	disabled bool          // nothing is ever recorded
	second   *atomic.Int64 // the second that count belongs to
	count    *atomic.Int64
	resolver *traceResolver
}

func newSpans(tp trace.TracerProvider) spans {
	if tp == nil {
		tp = noop.NewTracerProvider()
	}
	tracer := tp.Tracer("github.com/huleedu/edge/adapters/websocket")
	return spans{
		tracer: tracer, disabled: !isRecording(tracer),
		second: new(atomic.Int64), count: new(atomic.Int64), resolver: &traceResolver{},
	}
}

// isRecording reports whether the tracer would record anything: a span within a
// trace that is recorded. The span that finds it out is never ended, so nobody
// gets it.
func isRecording(tracer trace.Tracer) bool {
	sampled := trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{1}, SpanID: trace.SpanID{1}, TraceFlags: trace.FlagsSampled,
	})
	_, probe := tracer.Start(trace.ContextWithSpanContext(context.Background(), sampled), "probe")
	return probe.IsRecording()
}

// recordDelivery records a delivery, after the fact. That of a kept notification
// belongs to the trace in which it was kept, which the log knows; a direct
// message comes without a trace and begins one.
func (s spans) recordDelivery(to *session, l outboundMessage) {
	if s.disabled {
		return
	}
	now := time.Now()
	if !s.allow(now.Unix()) {
		return
	}
	d := delivery{user: to.caller.User, size: len(l.payload), received: l.received, written: now}
	if !l.isKept() {
		s.writeDelivery(context.Background(), d)
		return
	}
	s.resolver.submit(to, l.id.position(), d)
}

// delivery is what a span tells of a frame on its way through this process.
type delivery struct {
	user              domain.UserID
	size              int
	received, written time.Time
}

func (s spans) writeDelivery(ctx context.Context, d delivery) {
	_, span := s.tracer.Start(ctx, "websocket.forward_message", trace.WithTimestamp(d.received),
		trace.WithAttributes(attribute.String("user.id", string(d.user)), attribute.Int("message.size", d.size)))
	span.End(trace.WithTimestamp(d.written))
}

// allow counts at most maxForwardSpans a second. Two goroutines that meet at a
// second's turn may count a few more, which does no harm.
func (s spans) allow(now int64) bool {
	if s.second.Load() != now {
		s.second.Store(now)
		s.count.Store(0)
	}
	return s.count.Load() < maxForwardSpans && s.count.Add(1) <= maxForwardSpans
}

// start begins a span of the handshake's trace. It is not made where the trace is
// one that nobody records.
func (s spans) start(ctx context.Context, name string) (context.Context, trace.Span) {
	if whole := trace.SpanContextFromContext(ctx); whole.IsValid() && !whole.IsSampled() {
		return ctx, noop.Span{}
	}
	return s.tracer.Start(ctx, name)
}

// startValidation covers the judging of a token.
func (s spans) startValidation(ctx context.Context, hasToken bool) (context.Context, trace.Span) {
	ctx, span := s.start(ctx, "websocket.validate_token")
	if span.IsRecording() {
		span.SetAttributes(attribute.Bool("has_token", hasToken), correlationOf(ctx))
	}
	return ctx, span
}

// startConnect covers a known user's way from the token to the upgrade.
func (s spans) startConnect(ctx context.Context, user domain.UserID) (context.Context, trace.Span) {
	ctx, span := s.start(ctx, "websocket.connect")
	if span.IsRecording() {
		span.SetAttributes(attribute.String("user.id", string(user)), correlationOf(ctx))
	}
	return ctx, span
}

func correlationOf(ctx context.Context) attribute.KeyValue {
	return attribute.String("correlation_id", domain.TrailOf(ctx).Correlation)
}

// recordError notes the error on the current span. It is called once, where a close
// answers the error.
func recordError(ctx context.Context, err error) {
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
		correlationOf(ctx))
}
