package domain

import "context"

// RequestContext contains the ids that connect the response, errors, logs, spans, downstream
// calls and events of one request.
type RequestContext struct {
	// CorrelationID is the correlation id, a canonical UUID. The client may choose it.
	CorrelationID string
	// RequestID is the id of this request, a canonical UUID.
	RequestID string
	// Network is the address of the client, an IPv4 address or an IPv6 /64, for
	// limits on unauthenticated requests. It may be empty and is never logged.
	Network string
}

type requestContextKey struct{}

// WithRequestContext returns a context with the ids.
func WithRequestContext(ctx context.Context, t RequestContext) context.Context {
	return context.WithValue(ctx, requestContextKey{}, t)
}

// RequestContextOf returns the ids of the context. They are empty outside a request.
func RequestContextOf(ctx context.Context) RequestContext {
	t, _ := ctx.Value(requestContextKey{}).(RequestContext)
	return t
}
