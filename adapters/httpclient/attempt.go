package httpclient

import (
	"context"
	"errors"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/huleedu/edge/adapters/httpclient/transport"
	"github.com/huleedu/edge/domain"
)

// roundTrip makes an exchange that the guard has admitted. It makes it once more, on a new
// connection, if a GET or HEAD without a body failed before the first byte of a response and
// the retry budget permits it. A retry after an attempt on a reused connection does not count
// against the budget. Errors are Failures of the transport.
func (g *guard) roundTrip(pool *transport.Pool, req *http.Request, o transport.Options) (*http.Response, error) {
	res, err := pool.RoundTrip(req, o)
	if err == nil || !g.shouldRetry(req, err) {
		return res, err
	}
	trace.SpanFromContext(req.Context()).AddEvent("retry")
	o.Fresh = true
	return pool.RoundTrip(req, o)
}

func (g *guard) shouldRetry(req *http.Request, err error) bool {
	if !hasNoBody(req) || !readOnly(req.Method) || req.Context().Err() != nil ||
		g.classify(req.Context(), 0, err).Code != domain.ConnectionError {
		return false
	}
	return failureOf(err).Reused || g.mayRetry(req.Method)
}

// failureOf returns the Failure of an error of the transport.
func failureOf(err error) *transport.Failure {
	f, _ := errors.AsType[*transport.Failure](err)
	return f
}

// classify returns the error of a failed exchange with its code: CONNECTION_ERROR, TIMEOUT or
// INVALID_RESPONSE. limit is the timeout that is reported when the deadline of the exchange or
// of ctx has passed.
// If the caller left, the error's chain holds context.Canceled, whatever the code.
func (g *guard) classify(ctx context.Context, limit time.Duration, err error) *domain.Error {
	f := failureOf(err)
	switch {
	case transport.CallerLeft(ctx):
		return domain.Unreachable(g.service, err)
	case f.Expired, ctx.Err() != nil:
		return domain.TimedOut(g.service, limit, err)
	case f.Timeout > 0:
		return domain.TimedOut(g.service, f.Timeout, err)
	case transport.TimedOut(err):
		return domain.TimedOut(g.service, g.connect, err)
	case f.Started:
		return domain.MalformedResponse(g.service, err)
	default:
		return domain.Unreachable(g.service, err)
	}
}

// hasNoBody reports whether the request has no body.
func hasNoBody(r *http.Request) bool { return r.Body == nil || r.Body == http.NoBody }
