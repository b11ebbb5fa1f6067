package telemetry_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace"
	otlp "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/huleedu/edge/adapters/telemetry"
	"github.com/huleedu/edge/domain"
)

// received is a batch of spans, with the protocol and path of its request.
type received struct {
	protocol, path string
	request        *otlp.ExportTraceServiceRequest
}

// receiver accepts spans over gRPC.
type receiver struct {
	otlp.UnimplementedTraceServiceServer
	got chan<- received
}

// Export sends a batch to the channel.
func (r *receiver) Export(_ context.Context, in *otlp.ExportTraceServiceRequest) (*otlp.ExportTraceServiceResponse, error) {
	r.got <- received{protocol: "grpc", request: in}
	return &otlp.ExportTraceServiceResponse{}, nil
}

// grpcCollector starts a collector for OTLP over gRPC and returns its URL.
func grpcCollector(t *testing.T, got chan<- received) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	return serveGRPC(t, listener, got)
}

func serveGRPC(t *testing.T, listener net.Listener, got chan<- received) string {
	t.Helper()
	s := grpc.NewServer()
	otlp.RegisterTraceServiceServer(s, &receiver{got: got})
	done := make(chan error, 1)
	go func() { done <- s.Serve(listener) }()
	t.Cleanup(func() {
		s.Stop()
		require.NoError(t, <-done)
	})
	return "http://" + listener.Addr().String()
}

// httpCollector starts a collector for OTLP over HTTP and returns its URL.
func httpCollector(t *testing.T, got chan<- received) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		in := &otlp.ExportTraceServiceRequest{}
		if proto.Unmarshal(body, in) == nil {
			got <- received{protocol: "http", path: r.URL.Path, request: in}
		}
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// requireSpan sends one span and returns the batch that the collector received.
func requireSpan(t *testing.T, o telemetry.OTelConfig, got <-chan received) received {
	t.Helper()
	require.Empty(t, o.Problems(domain.Production))
	tracing := start(t, defaults(), o, slog.New(slog.DiscardHandler))
	span(t.Context(), tracing, trace.SpanKindServer)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	require.NoError(t, tracing.Flush(ctx))
	select {
	case batch := <-got:
		require.Equal(t, "work", batch.request.GetResourceSpans()[0].GetScopeSpans()[0].GetSpans()[0].GetName())
		return batch
	case <-ctx.Done():
		require.FailNow(t, "no span reached the collector")
		return received{}
	}
}

func TestSpansAreSentByTheNamedProtocol(t *testing.T) {
	got := make(chan received, 16)
	overGRPC, overHTTP := grpcCollector(t, got), httpCollector(t, got)
	for name, row := range map[string]struct {
		set            func(*telemetry.OTelConfig)
		protocol, path string
	}{
		"no protocol":   {func(o *telemetry.OTelConfig) { o.Endpoint = overHTTP }, "http", "/v1/traces"},
		"http/protobuf": {func(o *telemetry.OTelConfig) { o.Endpoint, o.Protocol = overHTTP, "http/protobuf" }, "http", "/v1/traces"},
		"grpc":          {func(o *telemetry.OTelConfig) { o.Endpoint, o.Protocol = overGRPC, "grpc" }, "grpc", ""},
		"grpc, with the path of HTTP": {func(o *telemetry.OTelConfig) {
			o.TracesEndpoint, o.Protocol = overGRPC+"/v1/traces", "grpc"
		}, "grpc", ""},
		"protocol of traces has precedence": {func(o *telemetry.OTelConfig) {
			o.Endpoint, o.Protocol, o.TracesProtocol = overGRPC, "http/protobuf", "grpc"
		}, "grpc", ""},
		"endpoint of traces has precedence": {func(o *telemetry.OTelConfig) {
			o.Endpoint, o.TracesEndpoint = overGRPC, overHTTP+"/spans"
		}, "http", "/spans"},
	} {
		t.Run(name, func(t *testing.T) {
			o := standard()
			row.set(&o)
			batch := requireSpan(t, o, got)
			require.Equal(t, row.protocol, batch.protocol)
			require.Equal(t, row.path, batch.path)
		})
	}
}

// TestPort4317MeansGRPC: the platform's deployments set the port of gRPC, but no protocol.
func TestPort4317MeansGRPC(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:4317")
	if err != nil {
		t.Skip("** SKIPPED: port 4317 is taken on this machine")
	}
	got := make(chan received, 1)
	o := standard()
	o.Endpoint = serveGRPC(t, listener, got)
	require.True(t, strings.HasSuffix(o.Endpoint, ":4317"))
	require.Equal(t, "grpc", requireSpan(t, o, got).protocol)
}
