package e2e_test

import (
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/huleedu/edge/test/harness"

	"github.com/stretchr/testify/require"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/huleedu/edge/adapters/httpclient"
	"github.com/huleedu/edge/adapters/jwt"
	"github.com/huleedu/edge/adapters/kafka"
	"github.com/huleedu/edge/adapters/memory"
	"github.com/huleedu/edge/adapters/redis"
	"github.com/huleedu/edge/ports"
	"github.com/huleedu/edge/wire"
)

// TestOneTrace follows one request from the client's header through HTTP and
// Kafka to the consumer's span: the production's adapters, with a tracer that
// remembers.
func TestOneTrace(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, b backing) {
		s := newStage(t, b)
		spans := newSpans()
		gateway, node := s.tracedGateway(t, spans), s.tracedNode(t, spans)
		teacher, batch := s.batch(1)
		socket := connect(t, node.ws(), as(teacher))

		const trace, parent = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
		const correlation = "0f4b4c3e-7d0c-4d2a-9d55-0a2a7a4b1c11"
		a := call(t, "POST", gateway.http(pipelines(batch)), wants("spellcheck"), headers{
			"Traceparent": "00-" + trace + "-" + parent + "-01", "X-Correlation-ID": correlation,
		}.bearing(teacher))
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
			"batch.id": string(batch), "pipeline": "spellcheck", "user.id": teacher,
		}, attributesOf(publish))
		consume := await(t, spans, "websocket.consume_notification")
		require.Equal(t, publish.SpanContext.SpanID(), consume.Parent.SpanID(), "the platform made no span between")
		require.Equal(t, correlation, attributesOf(consume)["correlation_id"])
		for _, span := range []tracetest.SpanStub{server, publish, consume, await(t, spans, "gateway.proxy_request")} {
			require.Equal(t, trace, traceOf(span), span.Name)
		}
		checkSocketSpans(t, spans, teacher)
	})
}

// checkSocketSpans: a handshake has its own trace, and no span holds a token.
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

func (s *stage) tracedGateway(t *testing.T, spans *recordedSpans) service {
	t.Helper()
	c, facts, log := harness.GatewayConfig(t, s.vars), new(memory.Facts), slog.New(slog.DiscardHandler)
	tokens, err := jwt.New(c.Tokens, facts, log)
	require.NoError(t, err)
	platform, err := httpclient.NewBatches(c.Platform, c.PlatformKey, facts, spans.provider, log)
	require.NoError(t, err)
	t.Cleanup(platform.Close)
	commands, err := kafka.NewPublisher(c.Kafka, facts, spans.provider, log)
	require.NoError(t, err)
	p, err := wire.GatewayOn(c, wire.Ports{
		Tokens: tokens, Observer: facts, Tracing: spans.provider,
		Limiter: memory.NewRateLimiter(), Batches: platform, Preflight: platform, Registry: platform, Commands: commands, Answers: memory.NewIdempotency(), Registered: memory.NewRegistrations(),
		Lifecycle: wire.Lifecycle{Flushes: []wire.Flush{{Name: "flush commands", Do: commands.Close}}},
	}, harness.NewLog(t))
	require.NoError(t, err)
	return service{harness.Run(t, p)}
}

func (s *stage) tracedNode(t *testing.T, spans *recordedSpans) service {
	t.Helper()
	c, facts, log := harness.WebSocketConfig(t, s.vars, s.topic), new(memory.Facts), slog.New(slog.DiscardHandler)
	tokens, err := jwt.New(c.Tokens, facts, log)
	require.NoError(t, err)
	client, err := redis.Open(c.Redis)
	require.NoError(t, err)
	t.Cleanup(func() { _ = client.Close() })
	listener := redis.NewListener(client, c.Listener, facts, spans.provider, log)
	p, err := wire.WebSocketOn(c, wire.Ports{
		Tokens: tokens, Observer: facts, Tracing: spans.provider, Quota: memory.NewQuota(c.Sockets.MaxConnectionsPerUser),
		Listener: listener, Notifications: redis.NewNotifier(client, c.Notifier, c.Listener.Prefix()), History: redis.NewLog(client), Limiter: memory.NewRateLimiter(),
		Lifecycle: wire.Lifecycle{Own: []ports.HealthProbe{listener}, Redis: client},
	}, harness.NewLog(t))
	require.NoError(t, err)
	n := service{harness.Run(t, p)}
	n.awaitReady(t, "ready")
	return n
}
