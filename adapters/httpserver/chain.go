package httpserver

import (
	"net/http"

	"github.com/gin-gonic/gin"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
)

// unmatched labels requests that no route answers, so that strangers cannot
// invent metric series.
const unmatched = "unmatched"

// endpoint is what the chain knows of a route before a request comes.
type endpoint struct {
	// method is empty where any method may come.
	method   string
	template string
	caller   Caller
	// quiet requests are logged for debugging only: probes and scrapes.
	quiet bool
	span  string
	start []trace.SpanStartOption
}

// chain is the way of every request through a route, outermost first. Whatever
// goes wrong from shield on is answered in the standard form.
func (s *site) chain(r row) gin.HandlersChain {
	ep := newEndpoint(r)
	chain := gin.HandlersChain{s.begin(ep), s.watch, s.shield, s.allowOrigin, s.straight}
	if r.caller == User {
		chain = append(chain, s.admission)
	}
	if r.limit != "" && r.limit != LimitNone {
		chain = append(chain, s.limit(r.limit))
	}
	return append(chain, s.last(r.handle))
}

func newEndpoint(r row) *endpoint {
	ep := &endpoint{
		method: r.method, template: r.path, caller: r.caller, span: r.method + " " + r.path,
		quiet: r.caller == Anyone && r.limit == LimitNone && r.path != "/ws" && r.path != "/ws/",
		start: []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindServer)},
	}
	if r.path == "" {
		ep.template, ep.span = unmatched, unmatched
		return ep
	}
	ep.start = append(ep.start, trace.WithAttributes(
		attribute.String("http.request.method", r.method),
		attribute.String("http.route", r.path),
	))
	return ep
}

// label bounds the method's name to the known ones.
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

// last runs the handler and answers its error.
func (s *site) last(handle handler) gin.HandlerFunc {
	return func(c *gin.Context) {
		if err := handle(c); err != nil {
			s.fail(c, err)
		}
	}
}
