package httpserver_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/huleedu/edge/adapters/httpserver"
	"github.com/huleedu/edge/domain"
)

func newTracedEnvironment(t *testing.T) (*environment, *tracetest.SpanRecorder) {
	t.Helper()
	recorder := tracetest.NewSpanRecorder()
	provider := sdk.NewTracerProvider(sdk.WithSpanProcessor(recorder))
	return newEnvironment(t, with(func(p *httpserver.GatewayParts) { p.Tracing = provider })), recorder
}

// onlySpan waits for the span of the only request. The answer may arrive before its span ends.
func onlySpan(t *testing.T, r *tracetest.SpanRecorder) (sdk.ReadOnlySpan, map[attribute.Key]any) {
	t.Helper()
	require.Eventually(t, func() bool { return len(r.Ended()) == 1 }, tick*1000, tick)
	span := r.Ended()[0]
	attributes := map[attribute.Key]any{}
	for _, a := range span.Attributes() {
		attributes[a.Key] = a.Value.AsInterface()
	}
	return span, attributes
}

const (
	clientTrace  = "0af7651916cd43dd8448eb211c80319c"
	clientParent = "b7ad6b7169203331"
)

func TestSpanContinuesTheClientsTrace(t *testing.T) {
	t.Parallel()
	w, recorder := newTracedEnvironment(t)
	w.platform.AddBatch("b1", domain.BatchReport{Owner: "u1", Overall: "ready"})
	r := call(t, http.MethodGet, w.base+"/v1/batches/b1/status?token=secret", "", "Authorization: Bearer u1",
		"traceparent: 00-"+clientTrace+"-"+clientParent+"-01", "X-Correlation-ID: "+canonical)
	assert.Equal(t, clientTrace, r.Header.Get("X-Trace-Id"))
	span, attributes := onlySpan(t, recorder)
	assert.Equal(t, "GET /v1/batches/{batch_id}/status", span.Name())
	assert.Equal(t, clientTrace, span.SpanContext().TraceID().String())
	assert.Equal(t, clientParent, span.Parent().SpanID().String())
	assert.Equal(t, codes.Unset, span.Status().Code)
	assert.Equal(t, map[attribute.Key]any{
		"http.request.method": "GET", "http.route": "/v1/batches/{batch_id}/status",
		"http.response.status_code": int64(200), "correlation_id": canonical,
		"url.path": "/v1/batches/b1/status", "url.scheme": "http", "client.address": "127.0.0.1",
	}, attributes)
}

func TestErrorIsOnItsSpanOnce(t *testing.T) {
	t.Parallel()
	w, recorder := newTracedEnvironment(t)
	w.platform.Fail(domain.Unreachable("result_aggregator", assert.AnError).WithOp("httpclient.Status"))
	r := call(t, http.MethodGet, w.base+"/v1/batches", "", "Authorization: Bearer u1", "X-Correlation-ID: "+canonical)
	require.Equal(t, 503, r.StatusCode)
	span, attributes := onlySpan(t, recorder)
	require.Len(t, span.Events(), 1)
	assert.Equal(t, "exception", span.Events()[0].Name)
	assert.Equal(t, sdk.Status{Code: codes.Error, Description: "Connection to result_aggregator failed"}, span.Status())
	assert.Equal(t, map[attribute.Key]any{
		"http.request.method": "GET", "http.route": "/v1/batches", "http.response.status_code": int64(503),
		"error": true, "error.code": "CONNECTION_ERROR", "error.message": "Connection to result_aggregator failed",
		"error.service": "api_gateway_service", "error.operation": "httpclient.Status", "correlation_id": canonical,
		"error.type": "CONNECTION_ERROR", "url.path": "/v1/batches", "url.scheme": "http", "client.address": "127.0.0.1",
	}, attributes)
}

func TestTraceIDExistsWithoutTracing(t *testing.T) {
	t.Parallel()
	w := newEnvironment(t)
	first := call(t, http.MethodGet, w.base+"/healthz", "").Header.Get("X-Trace-Id")
	second := call(t, http.MethodGet, w.base+"/healthz", "").Header.Get("X-Trace-Id")
	assert.NotEqual(t, first, second)
	r := call(t, http.MethodGet, w.base+"/healthz", "", "traceparent: 00-"+clientTrace+"-"+clientParent+"-01")
	assert.Equal(t, clientTrace, r.Header.Get("X-Trace-Id"))
	r = call(t, http.MethodGet, w.base+"/healthz", "", "traceparent: invalid")
	assert.NotEqual(t, clientTrace, r.Header.Get("X-Trace-Id"))
}

// TestOneLinePerRequest checks the members of the log line, and that it has no secrets.
func TestOneLinePerRequest(t *testing.T) {
	t.Parallel()
	w := newEnvironment(t)
	call(t, http.MethodGet, w.base+"/v1/batches/b9/status?token=secret", "", "Authorization: Bearer u1")
	call(t, http.MethodGet, w.base+"/healthz", "")
	w.platform.Fail(domain.Unreachable("result_aggregator", assert.AnError).WithOp("httpclient.Status"))
	call(t, http.MethodGet, w.base+"/v1/batches", "", "Authorization: Bearer u1")
	require.Eventually(t, func() bool { return strings.Count(w.log.String(), "\n") == 3 }, tick*1000, tick)
	lines := strings.Split(w.log.String(), "\n")
	for _, want := range []string{
		`"level":"INFO"`, `"method":"GET"`, `"endpoint":"/v1/batches/{batch_id}/status"`, `"path":"/v1/batches/b9/status"`,
		`"status":404`, `"took_seconds":0.`, `"bytes":`, `"user_id":"u1"`, `"error_code":"RESOURCE_NOT_FOUND"`,
		`"client_address":"127.0.0.1"`, `"user_agent":"Go-http-client/1.1"`,
	} {
		assert.Contains(t, lines[0], want)
	}
	assert.Contains(t, lines[1], `"level":"DEBUG"`, "probes are logged at a lower level")
	assert.Contains(t, lines[2], `"level":"ERROR"`)
	assert.Contains(t, lines[2], `"error":"httpclient.Status: CONNECTION_ERROR: Connection to result_aggregator failed: `+assert.AnError.Error()+`"`)
	assert.NotContains(t, lines[2], "client_address", "the client did not cause it")
	assert.NotContains(t, w.log.String(), "secret")
	assert.NotContains(t, w.log.String(), "Bearer")
}
