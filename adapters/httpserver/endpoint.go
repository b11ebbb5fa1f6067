package httpserver

import (
	"net/http"

	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// unmatchedRoute is the metric label of requests without a route, so that clients
// cannot create metric series.
const unmatchedRoute = "unmatched"

// endpoint is the static description of a route for the middleware.
type endpoint struct {
	// method is empty where any method may come.
	method   string
	template string
	// quiet requests are logged for debugging only: probes and scrapes.
	quiet bool
	// operator requests have ADMIN_TOKEN and a log line of their own.
	operator    bool
	span        string
	spanOptions []trace.SpanStartOption
}

func newEndpoint(r routeDef) *endpoint {
	ep := &endpoint{
		method: r.method, template: r.path, span: r.method + " " + r.path,
		operator:    r.access == Operator,
		quiet:       r.access == Anyone && r.limit == LimitNone && r.path != "/ws" && r.path != "/ws/" && r.path != "/events",
		spanOptions: []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindServer)},
	}
	if r.path == "" {
		ep.template, ep.span = unmatchedRoute, unmatchedRoute
		return ep
	}
	ep.spanOptions = append(ep.spanOptions, trace.WithAttributes(
		semconv.HTTPRequestMethodKey.String(r.method),
		semconv.HTTPRoute(r.path),
	))
	return ep
}

// operatorAllowed reports whether the request was one that an operator was allowed to make.
func (ep *endpoint) operatorAllowed(status int) bool {
	return ep.operator && status != http.StatusUnauthorized
}

// label returns the method as a metric label; unknown methods become OTHER.
func (ep *endpoint) label(method string) string {
	if ep.method != "" {
		return ep.method
	}
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch,
		http.MethodDelete, http.MethodConnect, http.MethodOptions, http.MethodTrace:
		return method
	default:
		return "OTHER"
	}
}
