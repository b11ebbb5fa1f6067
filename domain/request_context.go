package domain

import "context"

// Trail contains the ids that connect the response, errors, logs, spans, downstream
// calls and events of one request.
type Trail struct {
	// Correlation is the correlation id, a canonical UUID. The client may choose it.
	Correlation string
	// Request is the id of this request, a canonical UUID.
	Request string
	// Network is the address of the client, an IPv4 address or an IPv6 /64, for
	// limits on unauthenticated requests. It may be empty and is never logged.
	Network string
}

type requestContextKey struct{}

// WithTrail returns a context with the ids.
func WithTrail(ctx context.Context, t Trail) context.Context {
	return context.WithValue(ctx, requestContextKey{}, t)
}

// TrailOf returns the ids of the context. They are empty outside a request.
func TrailOf(ctx context.Context) Trail {
	t, _ := ctx.Value(requestContextKey{}).(Trail)
	return t
}
