package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/recorded"
)

func newTestBackend(t *testing.T, change func(*BackendParts)) *Backend {
	t.Helper()
	parts := BackendParts{
		Name: "cms", Operation: "proxy_classes", URL: "http://cms:5002", Prefix: "/v1/classes", Transport: http.DefaultTransport,
		Tracer: noop.NewTracerProvider().Tracer(""), Observer: recorded.NoFacts{},
	}
	change(&parts)
	b, err := NewBackend(parts)
	require.NoError(t, err)
	return b
}

func TestBackendNeedsAnAbsoluteURL(t *testing.T) {
	for _, raw := range []string{"cms", "/v1", "http://", "http://cms:x"} {
		_, err := NewBackend(BackendParts{Name: "cms", URL: raw, Transport: http.DefaultTransport})
		require.Equal(t, domain.InitializationFailed, domain.CodeOf(err), raw)
	}
	_, err := NewBackend(BackendParts{Name: "cms", URL: ""})
	require.NoError(t, err, "a service without a transport needs no address")
	_, err = NewBackend(BackendParts{Name: "cms", URL: "http://cms:x"})
	require.Error(t, err, "an address that cannot be parsed is never accepted")
}

func TestTargetAppendsThePathToTheBase(t *testing.T) {
	for base, rows := range map[string]map[string]string{
		"http://cms:5002": {
			"/v1/classes": "http://cms:5002/v1/classes/", "/v1/classes/": "http://cms:5002/v1/classes/", "/v1/classes/a%2Cb?x=1": "http://cms:5002/v1/classes/a%2Cb?x=1",
			"/v1/classes?": "http://cms:5002/v1/classes/?",
		},
		"http://cms/b%2Ce/": {"/v1/classes/a": "http://cms/b%2Ce/v1/classes/a"},
	} {
		b := newTestBackend(t, func(p *BackendParts) { p.URL = base })
		for in, want := range rows {
			u, err := url.Parse("http://gateway" + in)
			require.NoError(t, err)
			require.Equal(t, want, b.Target(u).String())
		}
	}
}

func TestBackendWithoutTransportIsUnavailable(t *testing.T) {
	require.NoError(t, newTestBackend(t, func(*BackendParts) {}).Available())
	err := newTestBackend(t, func(p *BackendParts) { p.Transport = nil }).Available()
	require.Equal(t, domain.ServiceUnavailable, domain.CodeOf(err))
}

// slowError is an error of the network that reports a timeout, or not.
type slowError bool

func (e slowError) Error() string { return "slow" }
func (e slowError) Timeout() bool { return bool(e) }
func (slowError) Temporary() bool { return false }

func TestFailuresAreClassified(t *testing.T) {
	b := newTestBackend(t, func(*BackendParts) {})
	for name, row := range map[string]struct {
		cause error
		code  domain.Code
	}{
		"deadline":             {fmt.Errorf("call: %w", context.DeadlineExceeded), domain.Timeout},
		"deadline on the wire": {&net.OpError{Op: "dial", Err: fmt.Errorf("call: %w", context.DeadlineExceeded)}, domain.Timeout},
		"timeout on the wire":  {&net.OpError{Op: "read", Err: slowError(true)}, domain.Timeout},
		"timeout elsewhere":    {slowError(true), domain.Timeout},
		"no timeout":           {slowError(false), domain.InvalidResponse},
		"reset":                {&net.OpError{Op: "read", Err: io.EOF}, domain.ConnectionError},
		"broken answer":        {io.ErrUnexpectedEOF, domain.InvalidResponse},
		"an error of ours":     {errors.Join(domain.CircuitOpen("cms", time.Second)), domain.CircuitBreakerOpen},
	} {
		err := b.Failure(row.cause)
		e := domain.As(err)
		require.Equal(t, row.code, e.Code, name)
		require.Equal(t, "cms", e.Details["external_service"], name)
		require.ErrorIs(t, err, row.cause, name)
	}
}

func TestFailureDoesNotChangeTheCause(t *testing.T) {
	b := newTestBackend(t, func(*BackendParts) {})
	shared := domain.CircuitOpen("cms", time.Second)
	require.Equal(t, map[string]any{"circuit_name": "cms", "external_service": "cms"}, domain.As(b.Failure(shared)).Details)
	require.NotContains(t, shared.Details, "external_service")
	require.Equal(t, map[string]any{"external_service": "cms"}, domain.As(b.Failure(&domain.Error{Code: domain.Timeout})).Details)
}

// TestCallsAreObservedAndTraced checks a call that fails, one that succeeds, and one without a status.
func TestCallsAreObservedAndTraced(t *testing.T) {
	for name, row := range map[string]struct {
		status int
		err    error
		code   codes.Code
		attrs  []attribute.KeyValue
	}{
		"succeeded": {200, nil, codes.Unset, []attribute.KeyValue{attribute.Int("http.response.status_code", 200)}},
		"failed after the header": {
			502, domain.MalformedResponse("cms", nil), codes.Error,
			[]attribute.KeyValue{attribute.Int("http.response.status_code", 502), attribute.String("error.type", "INVALID_RESPONSE")},
		},
		"failed before it": {0, domain.Unreachable("cms", nil), codes.Error, []attribute.KeyValue{attribute.String("error.type", "CONNECTION_ERROR")}},
	} {
		t.Run(name, func(t *testing.T) {
			recorder, facts := tracetest.NewSpanRecorder(), &observed{}
			b := newTestBackend(t, func(p *BackendParts) {
				p.Tracer, p.Observer = sdk.NewTracerProvider(sdk.WithSpanProcessor(recorder)).Tracer(""), facts
			})
			in := incoming(nil)
			in.Endpoint = "/v1/classes"
			err := b.Call(in, func(context.Context) (int, error) { return row.status, row.err })
			require.Equal(t, row.err, err)
			made := facts.all[0].(domain.ServiceCalled)
			made.Duration = 0
			require.Equal(t, domain.ServiceCalled{Service: "cms", Method: "GET", Endpoint: "/v1/classes", Status: row.status}, made)
			span := recorder.Ended()[0]
			require.Equal(t, row.code, span.Status().Code)
			require.Subset(t, span.Attributes(), row.attrs)
			require.Len(t, span.Attributes(), 4+len(row.attrs))
		})
	}
}

// observed is an observer that keeps the facts of one goroutine.
type observed struct{ all []domain.Fact }

func (o *observed) Observe(f domain.Fact) { o.all = append(o.all, f) }
