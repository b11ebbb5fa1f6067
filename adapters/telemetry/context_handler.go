package telemetry

import (
	"context"
	"log/slog"
	"slices"

	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap/zapcore"

	"github.com/huleedu/edge/domain"
)

// contextHandler adds the request's ids from the context to each log line. It handles groups
// itself, so that these attributes stay at the top level.
type contextHandler struct {
	// sampler samples repeated messages before any work is done for a line. It writes
	// nothing itself.
	sampler zapcore.Core
	inner   slog.Handler
	groups  []group
}

// group is an open group with its attributes.
type group struct {
	name  string
	attrs []slog.Attr
}

// Enabled reports whether lines of the level are written.
func (h *contextHandler) Enabled(ctx context.Context, l slog.Level) bool {
	return h.inner.Enabled(ctx, l)
}

// WithAttrs returns a handler that adds the attributes to each line.
func (h *contextHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	if len(h.groups) == 0 {
		return &contextHandler{sampler: h.sampler, inner: h.inner.WithAttrs(attrs)}
	}
	groups := slices.Clone(h.groups)
	last := &groups[len(groups)-1]
	last.attrs = append(slices.Clone(last.attrs), attrs...)
	return &contextHandler{sampler: h.sampler, inner: h.inner, groups: groups}
}

// WithGroup returns a handler that nests further attributes in a group.
func (h *contextHandler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	return &contextHandler{sampler: h.sampler, inner: h.inner, groups: append(slices.Clone(h.groups), group{name: name})}
}

// Handle writes a line unless sampling drops it.
func (h *contextHandler) Handle(ctx context.Context, r slog.Record) error {
	if h.sampler.Check(zapcore.Entry{Time: r.Time, Level: zapLevel(r.Level), Message: r.Message}, nil) == nil {
		return nil
	}
	out := slog.NewRecord(r.Time, r.Level, r.Message, r.PC)
	out.AddAttrs(requestAttrs(ctx)...)
	if len(h.groups) == 0 {
		r.Attrs(func(a slog.Attr) bool {
			out.AddAttrs(a)
			return true
		})
	} else {
		out.AddAttrs(h.nested(r))
	}
	return h.inner.Handle(ctx, out)
}

// nested returns the line's attributes nested in the open groups. It omits empty groups.
func (h *contextHandler) nested(r slog.Record) slog.Attr {
	attrs := make([]slog.Attr, 0, r.NumAttrs())
	r.Attrs(func(a slog.Attr) bool {
		attrs = append(attrs, a)
		return true
	})
	for _, g := range slices.Backward(h.groups) {
		attrs = append(slices.Clone(g.attrs), attrs...)
		if len(attrs) > 0 {
			attrs = []slog.Attr{{Key: g.name, Value: slog.GroupValue(attrs...)}}
		}
	}
	if len(attrs) == 0 {
		return slog.Attr{}
	}
	return attrs[0]
}

// requestAttrs returns the request's ids in the context.
func requestAttrs(ctx context.Context) []slog.Attr {
	attrs := make([]slog.Attr, 0, 4)
	t := domain.RequestContextOf(ctx)
	if t.CorrelationID != "" {
		attrs = append(attrs, slog.String("correlation_id", t.CorrelationID))
	}
	if t.RequestID != "" {
		attrs = append(attrs, slog.String("request_id", t.RequestID))
	}
	if s := trace.SpanContextFromContext(ctx); s.IsValid() {
		attrs = append(attrs, slog.String("trace_id", s.TraceID().String()), slog.String("span_id", s.SpanID().String()))
	}
	return attrs
}
