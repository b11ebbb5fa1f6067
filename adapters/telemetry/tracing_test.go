package telemetry_test

import (
	"bytes"
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
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/huleedu/edge/adapters/telemetry"
	"github.com/huleedu/edge/domain"
)

const (
	clientTrace = "4bf92f3577b34da6a3ce929d0e0e4736"
	sampled     = "00-" + clientTrace + "-00f067aa0ba902b7-01"
	unsampled   = "00-" + clientTrace + "-00f067aa0ba902b7-00"
)

// collector starts a fake collector that returns the received batches.
func collector(t *testing.T, status int) (address string, batches <-chan string) {
	t.Helper()
	got := make(chan string, 16)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body bytes.Buffer
		_, _ = body.ReadFrom(r.Body)
		got <- r.URL.Path + " " + body.String()
		w.WriteHeader(status)
	}))
	t.Cleanup(s.Close)
	return s.URL, got
}

func start(t *testing.T, c telemetry.Config, o telemetry.OTelConfig, log *slog.Logger) *telemetry.Tracing {
	t.Helper()
	tracing, err := telemetry.NewTracing(c, o, telemetry.ProcessInfo{Service: domain.GatewayService, Environment: domain.Testing, Instance: "node/1"}, log)
	require.NoError(t, err)
	t.Cleanup(func() { _ = tracing.Close(context.WithoutCancel(t.Context())) })
	return tracing
}

// remoteContext returns a context with the trace context of a remote caller.
func remoteContext(t *testing.T, traceparent string) context.Context {
	t.Helper()
	return propagation.TraceContext{}.Extract(t.Context(),
		propagation.MapCarrier{"traceparent": traceparent, "tracestate": "vendor=1"})
}

// span starts and ends a span.
func span(ctx context.Context, tracing *telemetry.Tracing, kind trace.SpanKind) trace.SpanContext {
	_, s := tracing.Provider().Tracer("test").Start(ctx, "work", trace.WithSpanKind(kind))
	s.End()
	return s.SpanContext()
}

func TestSpansReachTheCollector(t *testing.T) {
	url, batches := collector(t, http.StatusOK)
	o := standard()
	o.Endpoint = url + "/"
	c := defaults()
	c.ServiceName = "edge-blue"
	tracing := start(t, c, o, slog.New(slog.DiscardHandler))
	span(t.Context(), tracing, trace.SpanKindServer)
	require.NoError(t, tracing.Flush(t.Context()))
	batch := <-batches
	require.True(t, strings.HasPrefix(batch, "/v1/traces "))
	require.Contains(t, batch, "edge-blue")
	require.Contains(t, batch, "work")
}

func TestCloseSendsTheRemainingSpansAndCanBeRepeated(t *testing.T) {
	url, batches := collector(t, http.StatusOK)
	o := standard()
	o.Endpoint, o.TracesEndpoint = "http://127.0.0.1:1", url+"/mine"
	tracing := start(t, defaults(), o, slog.New(slog.DiscardHandler))
	span(t.Context(), tracing, trace.SpanKindServer)
	require.NoError(t, tracing.Close(t.Context()))
	require.True(t, strings.HasPrefix(<-batches, "/mine "), "the endpoint for traces has precedence")
	require.NoError(t, tracing.Close(t.Context()))
}

func TestLostSpansAreLoggedWithoutDelay(t *testing.T) {
	url, _ := collector(t, http.StatusBadRequest)
	var b bytes.Buffer
	o := standard()
	o.Endpoint = url
	tracing := start(t, defaults(), o, telemetry.NewLogger(defaults(), domain.GatewayService, &b))
	span(t.Context(), tracing, trace.SpanKindServer)
	require.NoError(t, tracing.Flush(t.Context()))
	require.Equal(t, "spans were not exported", lines(t, &b)[0]["event"])
}

// TestCloseDoesNotWaitLongForAnUnresponsiveCollector uses HTTP and gRPC, and more spans than one
// export contains.
func TestCloseDoesNotWaitLongForAnUnresponsiveCollector(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0") // accepts connections and sends no response
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	for _, protocol := range []string{"http/protobuf", "grpc"} {
		o := standard()
		o.Endpoint, o.Protocol = "http://"+listener.Addr().String(), protocol
		tracing := start(t, defaults(), o, slog.New(slog.DiscardHandler))
		for range 1500 {
			span(t.Context(), tracing, trace.SpanKindServer)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 25*time.Second)
		require.NoError(t, tracing.Close(ctx), protocol)
		require.NoError(t, ctx.Err(), "%s: Close must return before ctx is done", protocol)
		cancel()
	}
}

func TestCloseReturnsWhenItsContextIsDone(t *testing.T) {
	cancelled := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
		close(cancelled)
	}))
	t.Cleanup(s.Close)
	o := standard()
	o.Endpoint = s.URL
	tracing := start(t, defaults(), o, slog.New(slog.DiscardHandler))
	span(t.Context(), tracing, trace.SpanKindServer)

	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	err := tracing.Close(ctx)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Equal(t, domain.ConnectionError, domain.CodeOf(err))
	select {
	case <-cancelled: // the export in progress, before its own timeout
	case <-time.After(5 * time.Second):
		t.Fatal("the export continues")
	}
}

func TestSpansHaveIDsWithoutACollector(t *testing.T) {
	for name, o := range map[string]telemetry.OTelConfig{
		"no endpoint":   standard(),
		"exporter none": {Endpoint: "http://127.0.0.1:1", Exporter: "none", Sampler: "always_on"},
	} {
		t.Run(name, func(t *testing.T) {
			tracing := start(t, defaults(), o, slog.New(slog.DiscardHandler))
			root := span(t.Context(), tracing, trace.SpanKindServer)
			require.True(t, root.IsValid())
			require.False(t, root.IsSampled())
			child := span(remoteContext(t, sampled), tracing, trace.SpanKindServer)
			require.Equal(t, clientTrace, child.TraceID().String())
			require.Equal(t, "vendor=1", child.TraceState().String())
			require.NoError(t, tracing.Flush(t.Context()))
		})
	}
}

func TestTracingOffForwardsTheCallersContext(t *testing.T) {
	off := defaults()
	off.EnableTracing = false
	disabled := standard()
	disabled.Disabled = true
	for name, tracing := range map[string]*telemetry.Tracing{
		"ENABLE_TRACING":    start(t, off, standard(), slog.New(slog.DiscardHandler)),
		"OTEL_SDK_DISABLED": start(t, defaults(), disabled, slog.New(slog.DiscardHandler)),
	} {
		t.Run(name, func(t *testing.T) {
			ctx, s := tracing.Provider().Tracer("test").Start(remoteContext(t, sampled), "work")
			s.End()
			out := propagation.MapCarrier{}
			propagation.TraceContext{}.Inject(ctx, out)
			require.Equal(t, propagation.MapCarrier{"traceparent": sampled, "tracestate": "vendor=1"}, out)
			require.False(t, span(t.Context(), tracing, trace.SpanKindServer).IsValid())
			require.NoError(t, tracing.Flush(t.Context()))
			require.NoError(t, tracing.Close(t.Context()))
		})
	}
}

func TestClientsDoNotDecideAboutSampling(t *testing.T) {
	server, consumer := trace.SpanKindServer, trace.SpanKindConsumer
	for name, c := range map[string]struct {
		sampler, arg, parent string
		kind                 trace.SpanKind
		want                 bool
	}{
		"a client cannot force":                {"parentbased_always_off", "", sampled, server, false},
		"a client cannot force a ratio":        {"parentbased_traceidratio", "0", sampled, server, false},
		"a client cannot prevent":              {"parentbased_always_on", "", unsampled, server, true},
		"a record's flag is kept, sampled":     {"parentbased_always_off", "", sampled, consumer, true},
		"a record's flag is kept, not sampled": {"parentbased_always_on", "", unsampled, consumer, false},
		"always_on is always on":               {"ALWAYS_ON", "", unsampled, consumer, true},
		"always_off is always off":             {"always_off", "", sampled, consumer, false},
		"ratio of all":                         {"traceidratio", "", unsampled, server, true},
	} {
		t.Run(name, func(t *testing.T) {
			url, _ := collector(t, http.StatusOK)
			o := standard()
			o.Endpoint, o.Sampler, o.SamplerArg = url, c.sampler, c.arg
			tracing := start(t, defaults(), o, slog.New(slog.DiscardHandler))

			ctx, parent := tracing.Provider().Tracer("test").Start(remoteContext(t, c.parent), "work", trace.WithSpanKind(c.kind))
			defer parent.End()
			require.Equal(t, c.want, parent.SpanContext().IsSampled())
			require.Equal(t, clientTrace, parent.SpanContext().TraceID().String())
			require.Equal(t, "vendor=1", parent.SpanContext().TraceState().String())
			require.Equal(t, c.want, span(ctx, tracing, trace.SpanKindClient).IsSampled(), "a child is sampled like its parent")
		})
	}
}

func TestClientsCannotInfluenceTheRatioSampler(t *testing.T) {
	url, _ := collector(t, http.StatusOK)
	o := standard()
	o.Endpoint, o.Sampler, o.SamplerArg = url, "parentbased_traceidratio", "0.5"
	tracing := start(t, defaults(), o, slog.New(slog.DiscardHandler))
	count := 0
	for range 400 { // with one trace id, a plain ratio sampler would decide the same each time
		if span(remoteContext(t, sampled), tracing, trace.SpanKindServer).IsSampled() {
			count++
		}
	}
	require.InDelta(t, 200, count, 80)
}

func TestInvalidSettingsAreRejected(t *testing.T) {
	o := standard()
	o.Endpoint, o.Sampler = "http://127.0.0.1:1", "sometimes"
	_, err := telemetry.NewTracing(defaults(), o, telemetry.ProcessInfo{Service: domain.GatewayService}, slog.New(slog.DiscardHandler))
	require.Equal(t, domain.InitializationFailed, domain.CodeOf(err))
}

// TestTracingOffAllocatesOnlyTheContext checks that a span without recording costs one
// context, when the caller leaves out the attributes.
func TestTracingOffAllocatesOnlyTheContext(t *testing.T) {
	off := defaults()
	off.EnableTracing = false
	tracer := start(t, off, standard(), slog.New(slog.DiscardHandler)).Provider().Tracer("test")
	options := []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindServer)}
	for name, ctx := range map[string]context.Context{"root": t.Context(), "within a caller's trace": remoteContext(t, sampled)} {
		allocations := testing.AllocsPerRun(100, func() {
			_, s := tracer.Start(ctx, "work", options...)
			if s.IsRecording() {
				s.SetAttributes(attribute.String("batch.id", "b1"))
			}
			s.End()
		})
		require.LessOrEqual(t, allocations, 1.0, name)
	}
}

func BenchmarkSpan(b *testing.B) {
	off := defaults()
	off.EnableTracing = false
	for name, c := range map[string]telemetry.Config{"off": off, "no collector": defaults()} {
		b.Run(name, func(b *testing.B) {
			tracing, err := telemetry.NewTracing(c, standard(), telemetry.ProcessInfo{Service: domain.GatewayService}, slog.New(slog.DiscardHandler))
			require.NoError(b, err)
			defer func() { _ = tracing.Close(context.Background()) }()
			tracer := tracing.Provider().Tracer("test")
			b.ReportAllocs()
			for b.Loop() {
				_, s := tracer.Start(b.Context(), "work")
				s.End()
			}
		})
	}
}
