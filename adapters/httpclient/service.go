package httpclient

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/huleedu/edge/adapters/httpclient/transport"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// service is one service behind the gateway. Every call to it goes through do.
type service struct {
	name string
	// base is the URL before the path of every endpoint.
	base *url.URL
	// header is a part of every request, and internalHeader of those on internal routes.
	header, internalHeader http.Header

	guard       *guard
	pool        *transport.Pool
	timeout     time.Duration
	observer    ports.Observer
	tracer      trace.Tracer
	spanOptions []trace.SpanStartOption
}

// call is one request to a service.
type call struct {
	// operation names the call on spans.
	operation string
	method    string
	// endpoint is the route's template; ids replace its braces in their order.
	endpoint string
	ids      []string
	query    string
	body     []byte
	caller   domain.Caller
	// batch is empty when the call is not about a single batch.
	batch domain.BatchID
	// timeout, unless zero, bounds the call if it is shorter than the service's own.
	timeout time.Duration
	// keepBodyOf are the statuses, beside 2xx, whose body is read.
	keepBodyOf []int
	// keepAllBodies means that the body of every status is read.
	keepAllBodies bool
}

func (c *call) wantsBody(status int) bool {
	return c.keepAllBodies || isOK(status) || slices.Contains(c.keepBodyOf, status)
}

// do makes the call and returns the response, whatever its status. With an error, the
// response holds the status if one was received.
func (s *service) do(ctx context.Context, c call) (serviceResponse, error) {
	path, err := s.path(&c)
	if err != nil {
		return serviceResponse{}, err
	}
	ctx, span := s.tracer.Start(ctx, "gateway.proxy_request", s.spanOptions...)
	defer span.End()
	started := time.Now()
	a, err := s.call(ctx, &c, path)
	if span.IsRecording() {
		s.setSpanAttributes(span, c, a.status, err)
	}
	if wasSent(err) || a.status != 0 {
		s.observer.Observe(domain.ServiceCalled{
			Service: s.name, Method: c.method, Endpoint: c.endpoint, Status: a.status, Duration: time.Since(started),
		})
	}
	return a, err
}

// setSpanAttributes sets the attributes of the call, and its status if it failed. The error
// itself is recorded where it is answered.
func (s *service) setSpanAttributes(span trace.Span, c call, status int, err error) {
	span.SetAttributes(attribute.String("target.service", s.name), attribute.String("operation", c.operation),
		semconv.HTTPRequestMethodKey.String(c.method), semconv.ServerAddress(s.base.Hostname()))
	if status != 0 {
		span.SetAttributes(semconv.HTTPResponseStatusCode(status))
	}
	if c.batch != "" {
		span.SetAttributes(attribute.String("batch.id", string(c.batch)))
	}
	if err != nil {
		span.SetAttributes(semconv.ErrorTypeKey.String(string(domain.CodeOf(err))))
		span.SetStatus(codes.Error, domain.PublicMessage(err))
	}
}

// wasSent reports whether the call was sent. Calls that the guard refused were not.
func wasSent(err error) bool {
	code := domain.CodeOf(err)
	return code != domain.ServiceUnavailable && code != domain.CircuitBreakerOpen
}

// call makes the call within its timeout, if the guard admits it, and reports the outcome to
// the circuit.
func (s *service) call(ctx context.Context, c *call, path string) (serviceResponse, error) {
	req, err := s.newRequest(ctx, c, path)
	if err != nil {
		return serviceResponse{}, domain.Unknown(err).WithOp("httpclient.request")
	}
	user := string(c.caller.User)
	report, probe, err := s.guard.acquire(user)
	if err != nil {
		return serviceResponse{}, err
	}
	defer s.guard.bulkhead.release(user)
	outcome := newOutcomeReport(report, probe, false)
	a, err := s.exchange(req, c)
	outcome.report(outcomeOf(ctx, a.status, err))
	return a, err
}

// timeoutOf returns the shortest of the service's timeout, the call's and the time until the
// caller's deadline.
func (s *service) timeoutOf(ctx context.Context, c *call) time.Duration {
	limit := s.timeout
	if c.timeout > 0 {
		limit = min(limit, c.timeout)
	}
	if deadline, ok := ctx.Deadline(); ok {
		limit = min(limit, time.Until(deadline))
	}
	return limit
}

// exchange sends the request and reads its response, within the timeout of the call. Errors:
// CONNECTION_ERROR, TIMEOUT, SERVICE_UNAVAILABLE and INVALID_RESPONSE.
func (s *service) exchange(req *http.Request, c *call) (serviceResponse, error) {
	ctx := req.Context()
	limit := s.timeoutOf(ctx, c)
	res, err := s.guard.roundTrip(s.pool, req, transport.Options{Deadline: time.Now().Add(limit)})
	if err != nil {
		return serviceResponse{}, s.guard.classify(ctx, limit, err)
	}
	defer func() { _ = res.Body.Close() }()
	a := serviceResponse{
		status: res.StatusCode, contentType: res.Header.Get("Content-Type"), retryAfter: res.Header.Get("Retry-After"),
	}
	if !c.wantsBody(a.status) || res.ContentLength == 0 {
		discard(res)
		return a, nil
	}
	a.body, err = readBody(ctx, res)
	switch {
	case err == nil:
		return a, nil
	case errors.Is(err, errNoMemory):
		return a, domain.Unavailable(s.name, busyRetryAfter).WithCause(err)
	case errors.Is(err, errResponseTooLarge), errors.Is(err, errErrorBodyTimeout):
		return a, domain.MalformedResponse(s.name, err)
	default:
		return a, s.guard.classify(ctx, limit, err)
	}
}

// outcomeOf returns the outcome of a call for the circuit.
func outcomeOf(ctx context.Context, status int, err error) error {
	switch {
	case isUnavailable(status):
		return unhealthyStatus(status)
	case err == nil, errors.Is(err, errResponseTooLarge), errors.Is(err, errNoMemory):
		return nil
	case transport.CallerLeft(ctx), domain.CodeOf(err) == domain.InvalidResponse:
		return errInconclusive
	default:
		return unhealthyBecause(err)
	}
}
