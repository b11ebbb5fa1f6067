package httpclient

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

const (
	// maxAnswer bounds the body of an answer, in bytes.
	maxAnswer = 8 << 20
	// maxDrained is how much of an unwanted body is read, in bytes, so that its
	// connection can be used again.
	maxDrained = 64 << 10
	// maxIdle is how many idle connections to one system are kept; the calls in
	// flight are not expected to exceed it.
	maxIdle = 256
)

// service is one system behind the gateway. Every call to it goes through do,
// so whatever protects the system, or us from it, belongs there.
type service struct {
	name     string
	base     string
	http     *http.Client
	limit    time.Duration
	connect  time.Duration
	key      domain.Secret
	observer ports.Observer
	tracer   trace.Tracer
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
	// keeps are the statuses, beside 2xx, whose body is wanted.
	keeps []int
	// keepsAll wants the body of every status.
	keepsAll bool
}

// answer is what a service said. The body is there only for statuses that the
// call wants to read.
type answer struct {
	status      int
	contentType string
	body        []byte
}

func (a answer) ok() bool { return a.status >= 200 && a.status < 300 }

func (c call) wants(status int) bool {
	return c.keepsAll || answer{status: status}.ok() || slices.Contains(c.keeps, status)
}

// newTransport returns a pool of one service's own: a slow service cannot take
// another's connections. It asks for no compression, because bodies are passed
// on byte for byte, and uses no proxy.
func newTransport(connect time.Duration) *http.Transport {
	return &http.Transport{
		DialContext:            (&net.Dialer{Timeout: connect, KeepAlive: 30 * time.Second}).DialContext,
		TLSHandshakeTimeout:    connect,
		MaxIdleConns:           maxIdle,
		MaxIdleConnsPerHost:    maxIdle,
		IdleConnTimeout:        90 * time.Second,
		MaxResponseHeaderBytes: maxDrained,
		DisableCompression:     true,
		ForceAttemptHTTP2:      true,
	}
}

// client never follows a redirect: it would carry the caller's identity and
// the internal key to wherever the answer points.
func client(t *http.Transport) *http.Client {
	return &http.Client{Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
}

// do makes the call and returns whatever status the service answered with.
func (s *service) do(ctx context.Context, c call) (answer, error) {
	target, err := s.target(c)
	if err != nil {
		return answer{}, err
	}
	attributes := []attribute.KeyValue{attribute.String("target.service", s.name), attribute.String("operation", c.operation)}
	if c.batch != "" {
		attributes = append(attributes, attribute.String("batch.id", string(c.batch)))
	}
	ctx, span := s.tracer.Start(ctx, "gateway.proxy_request",
		trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(attributes...))
	defer span.End()
	started := time.Now()
	a, err := s.exchange(ctx, c, target)
	s.observer.Observe(domain.ServiceCalled{
		Service: s.name, Method: c.method, Endpoint: c.endpoint, Status: a.status, Took: time.Since(started),
	})
	return a, err
}

// exchange sends one request and reads its answer within the call's limit.
// With an error, the answer holds the status if there was one.
func (s *service) exchange(ctx context.Context, c call, target string) (answer, error) {
	limit := s.budget(ctx, c)
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	attempt := &attempt{service: s, limit: limit}
	req, err := s.request(attempt.watch(ctx), c, target)
	if err != nil {
		return answer{}, domain.Unknown(err).At("httpclient.request")
	}
	res, err := s.http.Do(req)
	if err != nil {
		return answer{}, attempt.failure(ctx, err)
	}
	defer func() { _ = res.Body.Close() }()
	a := answer{status: res.StatusCode, contentType: res.Header.Get("Content-Type")}
	if !c.wants(a.status) {
		_, _ = io.CopyN(io.Discard, res.Body, maxDrained)
		return a, nil
	}
	if a.body, err = readAll(res); err != nil {
		return answer{status: a.status}, attempt.failure(ctx, err)
	}
	return a, nil
}

// budget is the shortest of the service's limit, the call's and what is left
// of the caller's own deadline.
func (s *service) budget(ctx context.Context, c call) time.Duration {
	limit := s.limit
	if c.limit > 0 {
		limit = min(limit, c.limit)
	}
	if deadline, ok := ctx.Deadline(); ok {
		limit = min(limit, time.Until(deadline))
	}
	return limit
}

var errTooBig = errors.New("answer is over its size limit")

func readAll(res *http.Response) ([]byte, error) {
	if res.ContentLength > maxAnswer {
		return nil, errTooBig
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	if err == nil && len(body) > maxAnswer {
		err = errTooBig
	}
	return body, err
}
