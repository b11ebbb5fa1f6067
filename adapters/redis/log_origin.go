package redis

import (
	"context"
	"strings"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/huleedu/edge/domain"
)

// traceField is the field of a log entry that holds the trace in which it was
// kept, if somebody records that trace. What is published is the client's frame
// and nothing else, so this is the trace's only way to the nodes with the
// sockets.
const traceField = "trace"

// encodeTrace spells the trace of ctx, "traceparent" or "traceparent tracestate";
// empty when nobody records it.
func encodeTrace(ctx context.Context) string {
	if !trace.SpanContextFromContext(ctx).IsSampled() {
		return ""
	}
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, carrier)
	return strings.TrimSpace(carrier["traceparent"] + " " + carrier["tracestate"])
}

// Origin returns ctx within the trace of the node that kept the notification.
// Its parent counts as one of this process, so that the decision to record the
// trace, which was made there, holds here.
func (l *Log) Origin(ctx context.Context, user domain.UserID, at domain.Position) (context.Context, error) {
	found, err := l.rdb.XRangeN(ctx, logKey(user), string(at), string(at), 1).Result()
	if err != nil {
		return ctx, l.retryableError("redis.Origin", err)
	}
	if len(found) == 0 {
		return ctx, nil
	}
	spelled, _ := found[0].Values[traceField].(string)
	parent, state, _ := strings.Cut(spelled, " ")
	origin := trace.SpanContextFromContext(propagation.TraceContext{}.Extract(context.Background(),
		propagation.MapCarrier{"traceparent": parent, "tracestate": state}))
	if !origin.IsValid() {
		return ctx, nil
	}
	return trace.ContextWithSpanContext(ctx, origin.WithRemote(false)), nil
}
