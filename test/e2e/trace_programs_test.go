package e2e_test

import (
	"encoding/hex"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/harness"
)

// TestTraceFromBrowserToSocket runs a pipeline with both programs and checks their spans: one trace from the
// browser's request over HTTP, Kafka, the platform and Redis to the writes on the sockets. -v prints it.
func TestTraceFromBrowserToSocket(t *testing.T) {
	t.Parallel()
	withPrograms(t, func(t *testing.T, w *programs) {
		const browser, state = "00f067aa0ba902b7", "vendor=opaque,other=1"
		trace := uuid.New()
		id := hex.EncodeToString(trace[:])
		teacher, batch := w.batch(1)
		sockets := []*socket{connect(t, w.socketURL(), as(teacher)), connect(t, w.socketURL(), as(teacher))}
		correlation := uuid.NewString()
		a := call(t, "POST", w.gatewayURL+pipelinesPath(batch), pipelineBody("spellcheck"), headers{
			"Traceparent": "00-" + id + "-" + browser + "-01", "Tracestate": state, "X-Correlation-ID": correlation,
		}.withToken(teacher))
		require.Equal(t, 202, a.status, "%s", &a)
		require.Equal(t, id, a.header.Get("X-Trace-ID"))
		stored := 0
		for event := ""; event != "batch_results_ready"; {
			f := sockets[0].next(t)
			if event = f.Event; f.ID != "" {
				stored++
			}
		}
		for sockets[1].next(t).Event != "batch_results_ready" {
			continue
		}
		require.Equal(t, 4, stored)
		spans := w.collector.Await(t, id, map[string]int{
			"POST /v1/batches/{batch_id}/pipelines": 1, "gateway.proxy_request": 2, "gateway.publish_command": 1,
			"websocket.consume_notification": stored, "websocket.forward_message": stored * len(sockets),
		})
		t.Logf("the trace %s:\n%s", id, (*harness.Tree)(&spans))
		require.Len(t, spans, 4+stored+stored*len(sockets), "no other spans")

		publish := checkGateway(t, spans, browser, correlation)
		require.Equal(t, map[string]string{
			"batch.id": string(batch), "pipeline": "spellcheck", "user.id": teacher, "messaging.system": "kafka",
			"messaging.operation.type": "send", "messaging.destination.name": "huleedu.commands.batch.pipeline.v1",
		}, publish.Attrs())
		checkDelivery(t, spans, publish, correlation, len(sockets))
		for _, s := range spans {
			require.Equal(t, state, s.TraceState, s.Name)
			require.Empty(t, s.Links, "no links beside the parents")
			require.Equal(t, otlp.Status_STATUS_CODE_UNSET, s.Status.GetCode(), s.Name)
		}
		checkHandshakes(t, w, teacher, len(sockets))
		checkDirectMessages(t, w, id)
	})
}

// checkGateway checks the spans of the request, its two calls and its command.
func checkGateway(t *testing.T, spans []harness.Span, browser, correlation string) (publish harness.Span) {
	t.Helper()
	publish = only(t, spans, "gateway.publish_command")
	server := only(t, spans, "POST /v1/batches/{batch_id}/pipelines")
	require.Equal(t, browser, server.Parent())
	require.Equal(t, otlp.Span_SPAN_KIND_SERVER, server.Kind)
	require.Equal(t, map[string]string{
		"http.request.method": "POST", "http.route": "/v1/batches/{batch_id}/pipelines",
		"http.response.status_code": "202", "correlation_id": correlation, "client.address": "127.0.0.1",
		"url.scheme": "http", "url.path": server.Attrs()["url.path"],
	}, server.Attrs())
	require.Regexp(t, "^/v1/batches/batch-[0-9a-f-]+/pipelines$", server.Attrs()["url.path"])
	operations := map[string]bool{}
	for _, s := range harness.Named(spans, "gateway.proxy_request") {
		require.Equal(t, server.ID(), s.Parent())
		require.Equal(t, otlp.Span_SPAN_KIND_CLIENT, s.Kind)
		require.Equal(t, publish.Attrs()["batch.id"], s.Attrs()["batch.id"])
		operations[s.Attrs()["target.service"]] = true
	}
	require.Equal(t, map[string]bool{"result_aggregator": true, "batch_orchestrator": true}, operations)
	require.Equal(t, server.ID(), publish.Parent())
	return publish
}

// checkDelivery checks that the notifications are children of the command, and the writes on sockets children
// of their notifications.
func checkDelivery(t *testing.T, spans []harness.Span, publish harness.Span, correlation string, sockets int) {
	t.Helper()
	written := map[string]int{}
	for _, s := range harness.Named(spans, "websocket.forward_message") {
		written[s.Parent()]++
		require.Equal(t, publish.Attrs()["user.id"], s.Attrs()["user.id"])
		require.Contains(t, s.Attrs(), "message.size")
		require.Len(t, s.Attrs(), 2)
	}
	for _, s := range harness.Named(spans, "websocket.consume_notification") {
		require.Equal(t, publish.ID(), s.Parent(), "the platform makes no spans")
		require.Equal(t, correlation, s.Attrs()["correlation_id"])
		require.Equal(t, string(domain.NotificationTopic), s.Attrs()["messaging.destination.name"])
		require.NotEmpty(t, s.Attrs()["messaging.destination.partition.id"])
		require.Equal(t, sockets, written[s.ID()], "the write on each socket is a child of its notification")
	}
}

// checkHandshakes checks that each handshake has its own trace.
func checkHandshakes(t *testing.T, w *programs, teacher string, sockets int) {
	t.Helper()
	var found []harness.Span
	require.Eventually(t, func() bool {
		found = found[:0]
		for _, s := range harness.Named(w.collector.Spans(), "websocket.connect") {
			if s.Attrs()["user.id"] == teacher {
				found = append(found, s)
			}
		}
		return len(found) == sockets
	}, waitLimit, 20*time.Millisecond)
	for _, s := range found {
		spans := w.collector.Await(t, hex.EncodeToString(s.TraceId), map[string]int{"GET /ws": 1, "websocket.listen": 1, "websocket.validate_token": 1})
		require.Len(t, spans, 4)
		server := only(t, spans, "GET /ws")
		require.Empty(t, server.Parent())
		require.Equal(t, server.ID(), s.Parent())
		validate := only(t, spans, "websocket.validate_token")
		require.Equal(t, server.ID(), validate.Parent())
		require.Equal(t, map[string]string{"has_token": "true", "correlation_id": server.Attrs()["correlation_id"]}, validate.Attrs())
		require.Equal(t, map[string]string{"user.id": teacher, "correlation_id": server.Attrs()["correlation_id"]}, s.Attrs())
		listen := only(t, spans, "websocket.listen")
		require.Equal(t, s.ID(), listen.Parent())
		require.Equal(t, map[string]string{"user.id": teacher, "channel": "ws:" + teacher}, listen.Attrs())
	}
}

// checkDirectMessages checks that direct messages start new traces, because they carry none.
func checkDirectMessages(t *testing.T, w *programs, pipeline string) {
	t.Helper()
	roots := 0
	for _, s := range harness.Named(w.collector.Spans(), "websocket.forward_message") {
		if hex.EncodeToString(s.TraceId) != pipeline {
			require.Empty(t, s.Parent())
			roots++
		}
	}
	require.Positive(t, roots, "the platform publishes a message for each essay")
}

// only returns the only span with the name.
func only(t *testing.T, spans []harness.Span, name string) harness.Span {
	t.Helper()
	found := harness.Named(spans, name)
	require.Len(t, found, 1, name)
	return found[0]
}
