package e2e_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/httpclient"
	"github.com/huleedu/edge/adapters/jwt"
	"github.com/huleedu/edge/adapters/kafka"
	"github.com/huleedu/edge/adapters/memory"
	"github.com/huleedu/edge/adapters/redis"
	"github.com/huleedu/edge/adapters/telemetry"
	"github.com/huleedu/edge/ports"
	"github.com/huleedu/edge/test/harness"
	"github.com/huleedu/edge/wire"
)

// TestOneTrace follows one request from the client's header through HTTP and
// Kafka to the consumer's span: the production's adapters, with a tracer that
// remembers.
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
		require.Equal(t, publish.SpanID, consume.ParentID, "the platform made no span between")
		require.Equal(t, correlation, consume.Attributes["correlation_id"])
		for _, span := range []telemetry.Span{server, publish, consume, await(t, spans, "gateway.proxy_request")} {
			require.Equal(t, trace, span.TraceID, span.Name)
		}
		checkSocketSpans(t, spans, teacher)
	})
}

// checkSocketSpans: a handshake has its own trace, and no span holds a token.
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
	c, facts, log := harness.GatewayConfig(t, s.vars), new(memory.Facts), slog.New(slog.DiscardHandler)
	tokens, err := jwt.New(c.Tokens, facts, log)
	require.NoError(t, err)
	platform, err := httpclient.NewBatches(c.Platform, c.PlatformKey, facts, spans.Provider(), log)
	require.NoError(t, err)
	t.Cleanup(platform.Close)
	commands, err := kafka.NewPublisher(c.Kafka, facts, spans.Provider(), log)
	require.NoError(t, err)
	p, err := wire.GatewayOn(c, wire.Ports{
		Tokens: tokens, Observer: facts, Tracing: spans.Provider(),
		Limiter: memory.NewRateLimiter(), Batches: platform, Preflight: platform, Registry: platform, Commands: commands, Answers: memory.NewIdempotency(), Registered: memory.NewRegistrations(),
		Lifecycle: wire.Lifecycle{Flushes: []wire.Flush{{Name: "flush commands", Do: commands.Close}}},
	}, harness.NewLog(t))
	require.NoError(t, err)
	return service{harness.Run(t, p)}
}

func (s *environment) tracedNode(t *testing.T, spans *telemetry.Recorder) service {
	t.Helper()
	c, facts, log := harness.WebSocketConfig(t, s.vars, s.topic), new(memory.Facts), slog.New(slog.DiscardHandler)
	tokens, err := jwt.New(c.Tokens, facts, log)
	require.NoError(t, err)
	client, err := redis.Open(c.Redis)
	require.NoError(t, err)
	t.Cleanup(func() { _ = client.Close() })
	listener := redis.NewListener(client, c.Listener, facts, spans.Provider(), log)
	p, err := wire.WebSocketOn(c, wire.Ports{
		Tokens: tokens, Observer: facts, Tracing: spans.Provider(), Quota: memory.NewQuota(c.Sockets.MaxConnectionsPerUser),
		Listener: listener, Notifications: redis.NewNotifier(client, c.Notifier, c.Listener.Prefix()), History: redis.NewLog(client), Limiter: memory.NewRateLimiter(),
		Lifecycle: wire.Lifecycle{Own: []ports.HealthProbe{listener}, Redis: client},
	}, harness.NewLog(t))
	require.NoError(t, err)
	n := service{harness.Run(t, p)}
	n.awaitReady(t, "ready")
	return n
}
