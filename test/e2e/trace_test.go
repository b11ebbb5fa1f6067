package e2e_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/huleedu/edge/test/harness"
	"github.com/huleedu/edge/test/recorded"
	"github.com/huleedu/edge/wire"
)

// TestOneTrace follows one request from the client's header over HTTP and Kafka to the consumer's span, with a
// tracer that records spans.
func TestOneTrace(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, b backing) {
		s := newEnvironment(t, b)
		spans := newSpans()
		gateway, node := s.tracedGateway(t, spans), s.tracedNode(t, spans)
		teacher, batch := s.batch(1)
		socket := connect(t, node.ws(), as(teacher))

		const trace, parent = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
		const correlation = "0f4b4c3e-7d0c-4d2a-9d55-0a2a7a4b1c11"
		a := call(t, "POST", gateway.http(pipelinesPath(batch)), pipelineBody("spellcheck"), headers{
			"Traceparent": "00-" + trace + "-" + parent + "-01", "X-Correlation-ID": correlation,
		}.withToken(teacher))
		require.Equal(t, 202, a.status, "%s", &a)
		require.Equal(t, trace, a.header.Get("X-Trace-ID"))
		for socket.next(t).Event != "batch_results_ready" {
			continue
		}

		server := await(t, spans, "POST /v1/batches/{batch_id}/pipelines")
		require.Equal(t, parent, server.Parent.SpanID().String())
		require.Equal(t, correlation, attributesOf(server)["correlation_id"])
		publish := await(t, spans, "gateway.publish_command")
		require.Equal(t, server.SpanContext.SpanID(), publish.Parent.SpanID())
		require.Equal(t, map[string]any{
			"batch.id": string(batch), "pipeline": "spellcheck", "user.id": teacher, "messaging.system": "kafka",
			"messaging.operation.type": "send", "messaging.destination.name": "huleedu.commands.batch.pipeline.v1",
		}, attributesOf(publish))
		consume := await(t, spans, "websocket.consume_notification")
		require.Equal(t, publish.SpanContext.SpanID(), consume.Parent.SpanID(), "the platform makes no span")
		require.Equal(t, correlation, attributesOf(consume)["correlation_id"])
		require.Equal(t, string(s.topic), attributesOf(consume)["messaging.destination.name"])
		require.NotEmpty(t, attributesOf(consume)["messaging.destination.partition.id"])
		for _, span := range []tracetest.SpanStub{server, publish, consume, await(t, spans, "gateway.proxy_request")} {
			require.Equal(t, trace, traceOf(span), span.Name)
		}
		checkSocketSpans(t, spans, teacher)
	})
}

// checkSocketSpans checks that a handshake has its own trace and that no span contains a token.
func checkSocketSpans(t *testing.T, spans *recordedSpans, teacher string) {
	t.Helper()
	handshake := await(t, spans, "GET /ws")
	connected := await(t, spans, "websocket.connect")
	require.Equal(t, teacher, attributesOf(connected)["user.id"])
	listened := await(t, spans, "websocket.listen")
	require.Equal(t, map[string]any{"user.id": teacher, "channel": "ws:" + teacher}, attributesOf(listened))
	require.Equal(t, true, attributesOf(await(t, spans, "websocket.validate_token"))["has_token"])
	for _, span := range []tracetest.SpanStub{connected, listened} {
		require.Equal(t, traceOf(handshake), traceOf(span), span.Name)
	}
	await(t, spans, "websocket.forward_message")
	for _, span := range spans.ended() {
		require.NotContains(t, attributesOf(span), "token")
		for _, value := range attributesOf(span) {
			require.NotContains(t, fmt.Sprint(value), "eyJ", span.Name)
		}
	}
}

// recordedSpans is a tracer provider that keeps all ended spans in memory.
type recordedSpans struct {
	provider *sdk.TracerProvider
	recorder *tracetest.SpanRecorder
}

func newSpans() *recordedSpans {
	r := tracetest.NewSpanRecorder()
	return &recordedSpans{sdk.NewTracerProvider(sdk.WithSpanProcessor(r)), r}
}

// ended returns the ended spans in the order in which they ended.
func (s *recordedSpans) ended() tracetest.SpanStubs {
	return tracetest.SpanStubsFromReadOnlySpans(s.recorder.Ended())
}

// await waits for a span with the name to end and returns the first one.
func await(t *testing.T, spans *recordedSpans, name string) tracetest.SpanStub {
	t.Helper()
	named := func(s tracetest.SpanStub) bool { return s.Name == name }
	require.Eventually(t, func() bool { return slices.ContainsFunc(spans.ended(), named) }, waitLimit, 5*time.Millisecond, name)
	all := spans.ended()
	return all[slices.IndexFunc(all, named)]
}

func traceOf(s tracetest.SpanStub) string { return s.SpanContext.TraceID().String() }

func attributesOf(s tracetest.SpanStub) map[string]any {
	out := map[string]any{}
	for _, a := range s.Attributes {
		out[string(a.Key)] = a.Value.AsInterface()
	}
	return out
}

func (s *environment) tracedGateway(t *testing.T, spans *recordedSpans) service {
	t.Helper()
	p, release, err := wire.Gateway(harness.GatewayConfig(t, s.vars), recorded.NewLog(t), wire.GatewayOverride{Tracing: spans.provider})
	require.NoError(t, err)
	t.Cleanup(release)
	return service{harness.Run(t, p)}
}

func (s *environment) tracedNode(t *testing.T, spans *recordedSpans) service {
	t.Helper()
	p, release, err := wire.WebSocket(harness.WebSocketConfig(t, s.vars, s.topic), recorded.NewLog(t), wire.WebSocketOverride{Tracing: spans.provider})
	require.NoError(t, err)
	t.Cleanup(release)
	n := service{harness.Run(t, p)}
	n.awaitReady(t, "ready")
	return n
}
