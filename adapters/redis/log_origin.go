package redis

import (
	"context"
	"strings"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/huleedu/edge/domain"
)

// traceField is the field of a log entry with the trace in which it was stored, if that
// trace is sampled. The published message contains only the client's frame, so the nodes
// with the connections read the trace from the entry.
const traceField = "trace"

// encodeTrace returns the trace of ctx as "traceparent" or "traceparent tracestate". It
// returns an empty string if the trace is not sampled.
func encodeTrace(ctx context.Context) string {
	if !trace.SpanContextFromContext(ctx).IsSampled() {
		return ""
	}
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, carrier)
	return strings.TrimSpace(carrier["traceparent"] + " " + carrier["tracestate"])
}

// Origin returns ctx with the trace in which the notification was stored, or ctx itself if that
// is not known. The parent is marked as local, so that the sampling decision of that node
// applies here.
func (l *Log) Origin(ctx context.Context, user domain.UserID, at domain.Position) (context.Context, error) {
	found, err := l.rdb.XRangeN(ctx, logKey(user), string(at), string(at), 1).Result()
	if err != nil {
		return ctx, l.retryableError("redis.Origin", err)
	}
	if len(found) == 0 {
		return ctx, nil
	}
	encoded, _ := found[0].Values[traceField].(string)
	parent, state, _ := strings.Cut(encoded, " ")
	origin := trace.SpanContextFromContext(propagation.TraceContext{}.Extract(context.Background(),
		propagation.MapCarrier{"traceparent": parent, "tracestate": state}))
	if !origin.IsValid() {
		return ctx, nil
	}
	return trace.ContextWithSpanContext(ctx, origin.WithRemote(false)), nil
}
