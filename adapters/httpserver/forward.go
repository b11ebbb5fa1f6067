package httpserver

import (
	"context"
	"errors"
	"maps"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/huleedu/edge/domain"
)

// maxForwardedBody bounds a body that is passed on unread, in bytes.
const maxForwardedBody = 10 << 20

// Upstream is a service whose own API is passed on as it is.
type Upstream struct {
	// URL is its base, absolute and without query. The request's whole path is
	// put behind it.
	URL string
	// Transport sends the requests. An error of type *domain.Error is answered
	// unchanged; other errors are classified. With a nil Transport every request is
	// answered SERVICE_UNAVAILABLE.
	Transport http.RoundTripper
}

// upstream is a validated Upstream.
type upstream struct {
	name      string
	operation string
	base      *url.URL
	// prefix is where the service's own paths begin.
	prefix    string
	transport http.RoundTripper
	// spanOptions is what every span of a call to it begins with.
	spanOptions []trace.SpanStartOption
}

var errNoAddress = errors.New("not an absolute URL")

// build validates the address. It returns INITIALIZATION_FAILED, without the address,
// if it is not an absolute URL.
func (u Upstream) build(name, operation, prefix string) (*upstream, error) {
	base, err := url.Parse(strings.TrimRight(u.URL, "/"))
	if err != nil || u.Transport != nil && base.Host == "" {
		return nil, domain.NotStarted("route to "+name, errNoAddress)
	}
	return &upstream{
		name: name, operation: operation, base: base, prefix: prefix, transport: u.Transport,
		spanOptions: []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(
			attribute.String("target.service", name), attribute.String("operation", operation))},
	}, nil
}

// target returns the URL at the service: the base, then path and query as the client
// sent them. The bare prefix gets a trailing slash, because services redirect to it.
func (u *upstream) target(in *url.URL) *url.URL {
	path, escaped := in.Path, in.EscapedPath()
	if path == u.prefix {
		path, escaped = path+"/", escaped+"/"
	}
	return &url.URL{
		Scheme: u.base.Scheme, Host: u.base.Host,
		Path: u.base.Path + path, RawPath: u.base.EscapedPath() + escaped,
		RawQuery: in.RawQuery, ForceQuery: in.ForceQuery,
	}
}

// failure adds the service's name to an error and translates errors of other types.
func (u *upstream) failure(cause error) error {
	e, told := errors.AsType[*domain.Error](cause)
	if !told {
		e = u.classify(cause)
	}
	named := e.WithOp("httpserver.forward")
	named.Err = cause
	named.Details = maps.Clone(e.Details)
	if named.Details == nil {
		named.Details = map[string]any{}
	}
	named.Details["external_service"] = u.name
	return named
}

// classify translates an error that is not a *domain.Error.
func (u *upstream) classify(cause error) *domain.Error {
	timeout, isNet := errors.AsType[net.Error](cause)
	_, onWire := errors.AsType[*net.OpError](cause)
	switch {
	case errors.Is(cause, context.DeadlineExceeded), isNet && timeout.Timeout():
		return &domain.Error{Code: domain.Timeout, Message: u.name + " timed out", Details: map[string]any{}}
	case onWire:
		return domain.Unreachable(u.name, nil)
	default:
		return domain.MalformedResponse(u.name, nil)
	}
}

// forward returns the handler that streams requests to a service and answers back.
func (g *gateway) forward(to *upstream) handler {
	return func(c *gin.Context) error {
		switch {
		case to.transport == nil:
			return to.failure(domain.Unavailable(to.name, 0))
		case c.Request.ContentLength > maxForwardedBody:
			return tooLarge(maxForwardedBody)
		}
		x := requestStateOf(c)
		ctx, span := g.tracer.Start(c.Request.Context(), "gateway.proxy_request", to.spanOptions...)
		defer span.End()
		p := &proxy{gateway: g, c: c, upstream: to}
		started := time.Now()
		err := p.run(ctx)
		g.observer.Observe(domain.ServiceCalled{
			Service: to.name, Method: x.endpoint.label(c.Request.Method), Endpoint: x.endpoint.template,
			Status: p.status, Duration: time.Since(started),
		})
		markSpanFailed(span, err)
		return err
	}
}
