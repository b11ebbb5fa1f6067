package proxy

import (
	"context"
	"errors"
	"maps"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// BackendParts describes a service behind the gateway.
type BackendParts struct {
	// Name is the service in errors and metrics. Operation is the call in spans.
	Name, Operation string
	// URL is the base of the service, absolute and without query. The whole path of the
	// request is appended to it.
	URL string
	// Prefix is the path below which the gateway passes requests on to the service.
	Prefix string
	// Transport sends the requests. An error of type *domain.Error is answered unchanged;
	// other errors are classified. It may be nil: the service is then unavailable.
	Transport http.RoundTripper
	Tracer    trace.Tracer
	Observer  ports.Observer
}

// Backend is a service behind the gateway. It is safe for concurrent use.
type Backend struct {
	BackendParts
	base        *url.URL
	spanOptions []trace.SpanStartOption
}

var errNoAddress = errors.New("not an absolute URL")

// NewBackend returns INITIALIZATION_FAILED, without the address, if the URL is not
// absolute.
func NewBackend(parts BackendParts) (*Backend, error) {
	base, err := url.Parse(strings.TrimRight(parts.URL, "/"))
	if err != nil || parts.Transport != nil && base.Host == "" {
		return nil, domain.NotStarted("route to "+parts.Name, errNoAddress)
	}
	return &Backend{
		BackendParts: parts, base: base,
		spanOptions: []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(
			attribute.String("target.service", parts.Name), attribute.String("operation", parts.Operation),
			semconv.ServerAddress(base.Hostname()))},
	}, nil
}

// Target returns the URL at the service: the base, then path and query as the client
// sent them. The bare prefix gets a trailing slash, because services redirect to it.
func (b *Backend) Target(in *url.URL) *url.URL {
	path, escaped := in.Path, in.EscapedPath()
	if path == b.Prefix {
		path, escaped = path+"/", escaped+"/"
	}
	return &url.URL{
		Scheme: b.base.Scheme, Host: b.base.Host,
		Path: b.base.Path + path, RawPath: b.base.EscapedPath() + escaped,
		RawQuery: in.RawQuery, ForceQuery: in.ForceQuery,
	}
}

// Available returns SERVICE_UNAVAILABLE if the service has no transport.
func (b *Backend) Available() error {
	if b.Transport == nil {
		return b.Failure(domain.Unavailable(b.Name, 0))
	}
	return nil
}

// Call runs a call to the service inside a client span and counts it under the route's
// template. The function returns the status of the service's answer, 0 without one. Its
// error marks the span and is returned.
func (b *Backend) Call(in Request, call func(context.Context) (status int, err error)) error {
	ctx, span := b.Tracer.Start(in.Context(), "gateway.proxy_request", b.spanOptions...)
	defer span.End()
	started := time.Now()
	status, err := call(ctx)
	b.Observer.Observe(domain.ServiceCalled{
		Service: b.Name, Method: in.Method, Endpoint: in.Endpoint, Status: status, Duration: time.Since(started),
	})
	if span.IsRecording() {
		endCall(span, in.Method, status, err)
	}
	return err
}

// endCall sets the attributes of a call that has ended. Only the request's span records the
// error itself.
func endCall(span trace.Span, method string, status int, err error) {
	span.SetAttributes(semconv.HTTPRequestMethodKey.String(method))
	if status != 0 {
		span.SetAttributes(semconv.HTTPResponseStatusCode(status))
	}
	if err != nil {
		span.SetAttributes(semconv.ErrorTypeKey.String(string(domain.CodeOf(err))))
		span.SetStatus(codes.Error, domain.PublicMessage(err))
	}
}

// Failure returns the error to answer for a failed call: a *domain.Error with the
// service's name added, or the classification of another error.
func (b *Backend) Failure(cause error) error {
	e, ok := errors.AsType[*domain.Error](cause)
	if !ok {
		e = b.classify(cause)
	}
	named := e.WithOp("httpserver.forward")
	named.Err = cause
	named.Details = maps.Clone(e.Details)
	if named.Details == nil {
		named.Details = map[string]any{}
	}
	named.Details["external_service"] = b.Name
	return named
}

// classify translates an error that is not a *domain.Error.
func (b *Backend) classify(cause error) *domain.Error {
	timeout, isNet := errors.AsType[net.Error](cause)
	_, onWire := errors.AsType[*net.OpError](cause)
	switch {
	case errors.Is(cause, context.DeadlineExceeded), isNet && timeout.Timeout():
		return &domain.Error{Code: domain.Timeout, Message: b.Name + " timed out", Details: map[string]any{}}
	case onWire:
		return domain.Unreachable(b.Name, nil)
	default:
		return domain.MalformedResponse(b.Name, nil)
	}
}
