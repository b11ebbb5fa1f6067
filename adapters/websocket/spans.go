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
	tracer trace.Tracer
	off    bool
	second *atomic.Int64 // the second that count belongs to
	count  *atomic.Int64
}

func newSpans(tp trace.TracerProvider) spans {
	if tp == nil {
		tp = noop.NewTracerProvider()
	}
	_, off := tp.(noop.TracerProvider)
	return spans{
		tracer: tp.Tracer("github.com/huleedu/edge/adapters/websocket"), off: off,
		second: new(atomic.Int64), count: new(atomic.Int64),
	}
}

// forwarded records a delivery from its receipt to its writing, after the fact.
func (s spans) forwarded(user domain.UserID, l letter) {
	if s.off || !s.due(time.Now().Unix()) {
		return
	}
	_, span := s.tracer.Start(context.Background(), "websocket.forward_message",
		trace.WithTimestamp(l.received),
		trace.WithAttributes(attribute.String("user.id", string(user)), attribute.Int("message.size", len(l.payload))))
	span.End()
}

// due counts at most maxForwardSpans a second. Two goroutines that meet at a
// second's turn may count a few more, which does no harm.
func (s spans) due(now int64) bool {
	if s.second.Load() != now {
		s.second.Store(now)
		s.count.Store(0)
	}
	return s.count.Load() < maxForwardSpans && s.count.Add(1) <= maxForwardSpans
}

// unkept reports that the request's trace is not kept. Its spans would cost what
// they cost and say nothing to anybody.
func unkept(ctx context.Context) (trace.Span, bool) {
	of := trace.SpanContextFromContext(ctx)
	return noop.Span{}, of.IsValid() && !of.IsSampled() && !of.IsRemote()
}

// validating covers the judging of a token.
func (s spans) validating(ctx context.Context, hasToken bool) (context.Context, trace.Span) {
	if none, is := unkept(ctx); is {
		return ctx, none
	}
	return s.tracer.Start(ctx, "websocket.validate_token", trace.WithAttributes(
		attribute.Bool("has_token", hasToken), attribute.String("correlation_id", domain.TrailOf(ctx).Correlation)))
}

// connecting covers a known user's way from the token to the upgrade.
func (s spans) connecting(ctx context.Context, user domain.UserID) (context.Context, trace.Span) {
	if none, is := unkept(ctx); is {
		return ctx, none
	}
	return s.tracer.Start(ctx, "websocket.connect", trace.WithAttributes(
		attribute.String("user.id", string(user)), attribute.String("correlation_id", domain.TrailOf(ctx).Correlation)))
}

// record notes the error on the current span. It is called once, where a close
// answers the error.
func record(ctx context.Context, err error) {
	span := trace.SpanFromContext(ctx)
	e := domain.As(err)
	span.RecordError(e)
	span.SetStatus(codes.Error, e.Message)
	span.SetAttributes(
		attribute.Bool("error", true),
		attribute.String("error.code", string(e.Code)),
		attribute.String("error.message", e.Message),
		attribute.String("error.service", string(domain.WebSocketService)),
		attribute.String("error.operation", e.Op),
		attribute.String("correlation_id", domain.TrailOf(ctx).Correlation))
}
