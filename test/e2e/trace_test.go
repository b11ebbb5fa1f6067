package e2e_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/telemetry"
	"github.com/huleedu/edge/test/harness"
	"github.com/huleedu/edge/wire"
)

// TestOneTrace follows one request from the client's header over HTTP and Kafka to the consumer's span, with a
// tracer that records spans.
func TestOneTrace(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, b backing) {
		s := newEnvironment(t, b)
		spans := telemetry.NewRecorder()
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
		require.Equal(t, parent, server.ParentID)
		require.Equal(t, correlation, server.Attributes["correlation_id"])
		publish := await(t, spans, "gateway.publish_command")
		require.Equal(t, server.SpanID, publish.ParentID)
		require.Equal(t, map[string]any{
			"batch.id": string(batch), "pipeline": "spellcheck", "user.id": teacher,
		}, publish.Attributes)
		consume := await(t, spans, "websocket.consume_notification")
		require.Equal(t, publish.SpanID, consume.ParentID, "the platform makes no span")
		require.Equal(t, correlation, consume.Attributes["correlation_id"])
		for _, span := range []telemetry.Span{server, publish, consume, await(t, spans, "gateway.proxy_request")} {
			require.Equal(t, trace, span.TraceID, span.Name)
		}
		checkSocketSpans(t, spans, teacher)
	})
}

// checkSocketSpans checks that a handshake has its own trace and that no span contains a token.
func checkSocketSpans(t *testing.T, spans *telemetry.Recorder, teacher string) {
	t.Helper()
	handshake := await(t, spans, "GET /ws")
	connected := await(t, spans, "websocket.connect")
	require.Equal(t, teacher, connected.Attributes["user.id"])
	listened := await(t, spans, "websocket.listen")
	require.Equal(t, map[string]any{"user.id": teacher, "channel": "ws:" + teacher}, listened.Attributes)
	require.Equal(t, true, await(t, spans, "websocket.validate_token").Attributes["has_token"])
	for _, span := range []telemetry.Span{connected, listened} {
		require.Equal(t, handshake.TraceID, span.TraceID, span.Name)
	}
	await(t, spans, "websocket.forward_message")
	for _, span := range spans.Spans() {
		require.NotContains(t, span.Attributes, "token")
		for _, value := range span.Attributes {
			require.NotContains(t, fmt.Sprint(value), "eyJ", span.Name)
		}
	}
}

func await(t *testing.T, spans *telemetry.Recorder, name string) telemetry.Span {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), waitLimit)
	defer cancel()
	span, err := spans.Await(ctx, name)
	require.NoError(t, err, name)
	return span
}

func (s *environment) tracedGateway(t *testing.T, spans *telemetry.Recorder) service {
	t.Helper()
	p, release, err := wire.Gateway(harness.GatewayConfig(t, s.vars), harness.NewLog(t), wire.GatewayOverride{Tracing: spans.Provider()})
	require.NoError(t, err)
	t.Cleanup(release)
	return service{harness.Run(t, p)}
}

func (s *environment) tracedNode(t *testing.T, spans *telemetry.Recorder) service {
	t.Helper()
	p, release, err := wire.WebSocket(harness.WebSocketConfig(t, s.vars, s.topic), harness.NewLog(t), wire.WebSocketOverride{Tracing: spans.Provider()})
	require.NoError(t, err)
	t.Cleanup(release)
	n := service{harness.Run(t, p)}
	n.awaitReady(t, "ready")
	return n
}
