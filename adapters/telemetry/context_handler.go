package telemetry

import (
	"context"
	"log/slog"
	"slices"

	"go.opentelemetry.io/otel/trace"

	"github.com/huleedu/edge/domain"
)

// contextHandler adds the request's ids from the context to each log line, as top-level
// attributes also inside groups.
type contextHandler struct {
	// base has no open group.
	base slog.Handler
	// scopes are the first WithGroup call and all later WithAttrs and WithGroup calls.
	// Handle repeats them after it has added the ids.
	scopes []func(slog.Handler) slog.Handler
}

// Enabled reports whether lines of the level are written.
func (h *contextHandler) Enabled(ctx context.Context, l slog.Level) bool {
	return h.base.Enabled(ctx, l)
}

// WithAttrs returns a handler that adds the attributes to each line.
func (h *contextHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	if len(h.scopes) == 0 {
		return &contextHandler{base: h.base.WithAttrs(attrs)}
	}
	return h.with(func(inner slog.Handler) slog.Handler { return inner.WithAttrs(attrs) })
}

// WithGroup returns a handler that nests further attributes in a group.
func (h *contextHandler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	return h.with(func(inner slog.Handler) slog.Handler { return inner.WithGroup(name) })
}

func (h *contextHandler) with(scope func(slog.Handler) slog.Handler) *contextHandler {
	return &contextHandler{base: h.base, scopes: append(slices.Clip(h.scopes), scope)}
}

// Handle writes a line. It returns nil also for a line that sampling drops.
func (h *contextHandler) Handle(ctx context.Context, r slog.Record) error {
	if len(h.scopes) > 0 {
		inner := h.base.WithAttrs([]slog.Attr{slog.Any("", requestIDs{ctx})})
		for _, scope := range h.scopes {
			inner = scope(inner)
		}
		return inner.Handle(ctx, r)
	}
	// A new record costs a tenth of WithAttrs for each line.
	out := slog.NewRecord(r.Time, r.Level, r.Message, r.PC)
	out.AddAttrs(slog.Any("", requestIDs{ctx}))
	r.Attrs(func(a slog.Attr) bool {
		out.AddAttrs(a)
		return true
	})
	return h.base.Handle(ctx, out)
}

// requestIDs are the ids of the request that a context belongs to. They are formatted only for
// lines that sampling does not drop.
type requestIDs struct{ ctx context.Context }

// LogValue returns a group of the ids. It is empty outside a request.
func (r requestIDs) LogValue() slog.Value {
	attrs := make([]slog.Attr, 0, 4)
	t := domain.RequestContextOf(r.ctx)
	if t.CorrelationID != "" {
		attrs = append(attrs, slog.String("correlation_id", t.CorrelationID))
	}
	if t.RequestID != "" {
		attrs = append(attrs, slog.String("request_id", t.RequestID))
	}
	if s := trace.SpanContextFromContext(r.ctx); s.IsValid() {
		attrs = append(attrs, slog.String("trace_id", s.TraceID().String()), slog.String("span_id", s.SpanID().String()))
	}
	return slog.GroupValue(attrs...)
}
