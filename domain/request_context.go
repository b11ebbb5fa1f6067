package domain

import "context"

// Trail is what ties together everything one request leaves behind: answers,
// errors, logs, spans, downstream calls and events.
type Trail struct {
	// Correlation is the caller's id for the whole piece of work, a canonical UUID.
	Correlation string
	// Request is this one request's id, a canonical UUID.
	Request string
	// Network is where the request comes from, an IPv4 address or an IPv6 /64,
	// for limits on strangers; it is set only where there is one, and never
	// logged.
	Network string
}

type requestContextKey struct{}

// WithTrail returns a context that carries the trail.
func WithTrail(ctx context.Context, t Trail) context.Context {
	return context.WithValue(ctx, requestContextKey{}, t)
}

// TrailOf returns the context's trail; it is zero outside a request.
func TrailOf(ctx context.Context) Trail {
	t, _ := ctx.Value(requestContextKey{}).(Trail)
	return t
}
