package httpclient

import (
	"context"
	"slices"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

const (
	// maxResponseBody bounds the body of an answer, in bytes.
	maxResponseBody = 8 << 20
	// maxDiscard is how much of an unwanted body is read, in bytes, so that its
	// connection can be used again. Headers, and the room that is made for a body
	// before it comes, are no larger.
	maxDiscard = 64 << 10
)

// service is one system behind the gateway. Every call to it goes through do.
type service struct {
	name string
	// path stands before the path of every endpoint.
	path        string
	guard       *guard
	pool        *connPool
	limit       time.Duration
	key         domain.Secret
	observer    ports.Observer
	tracer      trace.Tracer
	spanOptions []trace.SpanStartOption
}

// call is one request to a service.
type call struct {
	// operation names the call on spans.
	operation string
	method    string
	// endpoint is the route's template; ids fill its braces in their order.
	endpoint string
	ids      []string
	query    string
	body     []byte
	caller   domain.Caller
	// batch is empty when the call is about no single one.
	batch domain.BatchID
	// limit, unless zero, is shorter than the service's own.
	limit time.Duration
	// keepBodyOf are the statuses, beside 2xx, whose body is wanted.
	keepBodyOf []int
	// keepAllBodies wants the body of every status.
	keepAllBodies bool
}

// serviceResponse is the response of a service. The body is set only for the statuses whose
// body the call wants.
type serviceResponse struct {
	status      int
	contentType string
	// retryAfter is empty when the service did not say.
	retryAfter string
	body       []byte
}

func (a serviceResponse) ok() bool { return a.status >= 200 && a.status < 300 }

func (c *call) wantsBody(status int) bool {
	return c.keepAllBodies || serviceResponse{status: status}.ok() || slices.Contains(c.keepBodyOf, status)
}

// do makes the call and returns the response, whatever its status.
func (s *service) do(ctx context.Context, c call) (serviceResponse, error) {
	target, err := s.target(&c)
	if err != nil {
		return serviceResponse{}, err
	}
	ctx, span := s.tracer.Start(ctx, "gateway.proxy_request", s.spanOptions...)
	defer span.End()
	started := time.Now()
	a, err := s.roundTrip(ctx, &c, target)
	if span.IsRecording() {
		s.setSpanAttributes(span, c, err)
	}
	if wasSent(err) || a.status != 0 {
		s.observer.Observe(domain.ServiceCalled{
			Service: s.name, Method: c.method, Endpoint: c.endpoint, Status: a.status, Duration: time.Since(started),
		})
	}
	return a, err
}

// setSpanAttributes says on the span what the call was about, and that it failed. The
// error itself is recorded where it is answered.
func (s *service) setSpanAttributes(span trace.Span, c call, err error) {
	span.SetAttributes(attribute.String("target.service", s.name), attribute.String("operation", c.operation))
	if c.batch != "" {
		span.SetAttributes(attribute.String("batch.id", string(c.batch)))
	}
	if err != nil {
		span.SetStatus(codes.Error, domain.PublicMessage(err))
	}
}

// wasSent reports whether the call was sent; the guard's refusals are not.
func wasSent(err error) bool {
	code := domain.CodeOf(err)
	return code != domain.ServiceUnavailable && code != domain.CircuitBreakerOpen
}

// roundTrip sends one request and reads its answer within the call's limit.
// With an error, the answer holds the status if there was one.
func (s *service) roundTrip(ctx context.Context, c *call, target string) (serviceResponse, error) {
	message, err := s.encode(ctx, c, target)
	if err != nil {
		return serviceResponse{}, domain.Unknown(err).WithOp("httpclient.request")
	}
	user := string(c.caller.User)
	report, probe, err := s.guard.acquire(user)
	if err != nil {
		return serviceResponse{}, err
	}
	defer s.guard.bulkhead.release(user)
	verdict := newOutcomeReport(report, probe, false)
	limit := s.timeout(ctx, c)
	v := attempt{service: s, limit: limit, deadline: time.Now().Add(limit)}
	a, err := v.run(ctx, wireRequest{c.method, message, c.wantsBody})
	verdict.report(v.outcome(ctx, a.status, err))
	return a, err
}

// timeout is the shortest of the service's limit, the call's and what is left
// of the caller's own deadline.
func (s *service) timeout(ctx context.Context, c *call) time.Duration {
	limit := s.limit
	if c.limit > 0 {
		limit = min(limit, c.limit)
	}
	if deadline, ok := ctx.Deadline(); ok {
		limit = min(limit, time.Until(deadline))
	}
	return limit
}
