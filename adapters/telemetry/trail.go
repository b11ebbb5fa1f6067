package telemetry

import (
	"context"
	"log/slog"
	"slices"

	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap/zapcore"

	"github.com/huleedu/edge/domain"
)

// trailHandler adds to each line what its context knows of the request. It
// keeps the groups itself, because those fields stand at the top of a line
// however deep the logger was grouped.
type trailHandler struct {
	// thin says which lines of a flood are written, before anything is done for
	// one that is not. It writes nothing itself.
	thin   zapcore.Core
	inner  slog.Handler
	groups []group
}

// group is an open group with the attributes added to it so far.
type group struct {
	name  string
	attrs []slog.Attr
}

// Enabled reports whether a line of this level is written.
func (h *trailHandler) Enabled(ctx context.Context, l slog.Level) bool {
	return h.inner.Enabled(ctx, l)
}

// WithAttrs returns a handler that repeats the attributes on each line.
func (h *trailHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	if len(h.groups) == 0 {
		return &trailHandler{thin: h.thin, inner: h.inner.WithAttrs(attrs)}
	}
	groups := slices.Clone(h.groups)
	last := &groups[len(groups)-1]
	last.attrs = append(slices.Clone(last.attrs), attrs...)
	return &trailHandler{thin: h.thin, inner: h.inner, groups: groups}
}

// WithGroup returns a handler that nests what is added from now on.
func (h *trailHandler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	return &trailHandler{thin: h.thin, inner: h.inner, groups: append(slices.Clone(h.groups), group{name: name})}
}

// Handle writes one line, unless it is one of a flood.
func (h *trailHandler) Handle(ctx context.Context, r slog.Record) error {
	if h.thin.Check(zapcore.Entry{Time: r.Time, Level: zapLevel(r.Level), Message: r.Message}, nil) == nil {
		return nil
	}
	out := slog.NewRecord(r.Time, r.Level, r.Message, r.PC)
	out.AddAttrs(trail(ctx)...)
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

// nested wraps the line's own attributes in the open groups. An empty group is
// left out.
func (h *trailHandler) nested(r slog.Record) slog.Attr {
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

// trail is what the context knows of the request.
func trail(ctx context.Context) []slog.Attr {
	attrs := make([]slog.Attr, 0, 4)
	t := domain.TrailOf(ctx)
	if t.Correlation != "" {
		attrs = append(attrs, slog.String("correlation_id", t.Correlation))
	}
	if t.Request != "" {
		attrs = append(attrs, slog.String("request_id", t.Request))
	}
	if s := trace.SpanContextFromContext(ctx); s.IsValid() {
		attrs = append(attrs, slog.String("trace_id", s.TraceID().String()), slog.String("span_id", s.SpanID().String()))
	}
	return attrs
}
