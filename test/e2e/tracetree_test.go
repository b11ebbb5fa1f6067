package e2e_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
)

// TestTraceFromBrowserToSocket runs one pipeline against both programs and
// looks at what they export: one trace from the browser's request, over HTTP,
// Kafka, the platform, Kafka and Redis, to the writes on the teacher's sockets.
// -v prints it.
func TestTraceFromBrowserToSocket(t *testing.T) {
	t.Parallel()
	onWatched(t, func(t *testing.T, w *watched) {
		const browser, state = "00f067aa0ba902b7", "vendor=opaque,other=1"
		trace := uuid.New()
		id := traceID(trace)
		teacher, batch := w.batch(1)
		sockets := []*socket{connect(t, w.socket(), as(teacher)), connect(t, w.socket(), as(teacher))}
		correlation := uuid.NewString()
		a := call(t, "POST", w.http+pipelines(batch), wants("spellcheck"), headers{
			"Traceparent": "00-" + id + "-" + browser + "-01", "Tracestate": state, "X-Correlation-ID": correlation,
		}.bearing(teacher))
		require.Equal(t, 202, a.status, "%s", &a)
		require.Equal(t, id, a.header.Get("X-Trace-ID"))
		kept := 0
		for event := ""; event != "batch_results_ready"; {
			f := sockets[0].next(t)
			if event = f.Event; f.ID != "" {
				kept++
			}
		}
		for sockets[1].next(t).Event != "batch_results_ready" {
			continue
		}
		require.Equal(t, 4, kept)
		spans := w.spans.await(t, id, map[string]int{
			"POST /v1/batches/{batch_id}/pipelines": 1, "gateway.proxy_request": 2, "gateway.publish_command": 1,
			"websocket.consume_notification": kept, "websocket.forward_message": kept * len(sockets),
		})
		t.Logf("the trace %s:\n%s", id, (*treeOf)(&spans))
		require.Len(t, spans, 4+kept+kept*len(sockets), "and nothing else")

		publish := checkGateway(t, spans, browser, correlation)
		require.Equal(t, map[string]string{"batch.id": string(batch), "pipeline": "spellcheck", "user.id": teacher}, publish.said())
		checkDelivery(t, spans, publish, correlation, len(sockets))
		for _, s := range spans {
			require.Equal(t, state, s.TraceState, s.Name)
			require.Empty(t, s.Links, "parents say it all")
			require.Equal(t, otlp.Status_STATUS_CODE_UNSET, s.Status.GetCode(), s.Name)
		}
		checkHandshakes(t, w, teacher, len(sockets))
		checkDirectMessages(t, w, id)
	})
}

// checkGateway: the request, its two calls and its command.
func checkGateway(t *testing.T, spans []span, browser, correlation string) (publish span) {
	t.Helper()
	publish = only(t, spans, "gateway.publish_command")
	server := only(t, spans, "POST /v1/batches/{batch_id}/pipelines")
	require.Equal(t, browser, server.parent())
	require.Equal(t, otlp.Span_SPAN_KIND_SERVER, server.Kind)
	require.Equal(t, map[string]string{
		"http.request.method": "POST", "http.route": "/v1/batches/{batch_id}/pipelines",
		"http.response.status_code": "202", "correlation_id": correlation,
	}, server.said())
	operations := map[string]bool{}
	for _, s := range named(spans, "gateway.proxy_request") {
		require.Equal(t, server.id(), s.parent())
		require.Equal(t, otlp.Span_SPAN_KIND_CLIENT, s.Kind)
		require.Equal(t, publish.said()["batch.id"], s.said()["batch.id"])
		operations[s.said()["target.service"]] = true
	}
	require.Equal(t, map[string]bool{"result_aggregator": true, "batch_orchestrator": true}, operations)
	require.Equal(t, server.id(), publish.parent())
	return publish
}

// checkDelivery: each notification hangs on the command, and each socket's
// write on its notification.
func checkDelivery(t *testing.T, spans []span, publish span, correlation string, sockets int) {
	t.Helper()
	written := map[string]int{}
	for _, s := range named(spans, "websocket.forward_message") {
		written[s.parent()]++
		require.Equal(t, publish.said()["user.id"], s.said()["user.id"])
		require.Contains(t, s.said(), "message.size")
		require.Len(t, s.said(), 2)
	}
	for _, s := range named(spans, "websocket.consume_notification") {
		require.Equal(t, publish.id(), s.parent(), "the platform makes no spans of its own")
		require.Equal(t, correlation, s.said()["correlation_id"])
		require.Equal(t, sockets, written[s.id()], "each socket's write hangs on its notification")
	}
}

// checkHandshakes: opening a socket is a trace of its own.
func checkHandshakes(t *testing.T, w *watched, teacher string, sockets int) {
	t.Helper()
	var found []span
	require.Eventually(t, func() bool {
		found = found[:0]
		for _, s := range named(w.spans.all(), "websocket.connect") {
			if s.said()["user.id"] == teacher {
				found = append(found, s)
			}
		}
		return len(found) == sockets
	}, patience, look)
	for _, s := range found {
		spans := w.spans.await(t, hexOf(s.TraceId), map[string]int{"GET /ws": 1, "websocket.listen": 1, "websocket.validate_token": 1})
		require.Len(t, spans, 4)
		server := only(t, spans, "GET /ws")
		require.Empty(t, server.parent())
		require.Equal(t, server.id(), s.parent())
		validate := only(t, spans, "websocket.validate_token")
		require.Equal(t, server.id(), validate.parent())
		require.Equal(t, map[string]string{"has_token": "true", "correlation_id": server.said()["correlation_id"]}, validate.said())
		require.Equal(t, map[string]string{"user.id": teacher, "correlation_id": server.said()["correlation_id"]}, s.said())
		listen := only(t, spans, "websocket.listen")
		require.Equal(t, s.id(), listen.parent())
		require.Equal(t, map[string]string{"user.id": teacher, "channel": "ws:" + teacher}, listen.said())
	}
}

// checkDirectMessages: what other services publish on Redis comes without a
// trace, so that its write is a root.
func checkDirectMessages(t *testing.T, w *watched, pipeline string) {
	t.Helper()
	roots := 0
	for _, s := range named(w.spans.all(), "websocket.forward_message") {
		if hexOf(s.TraceId) != pipeline {
			require.Empty(t, s.parent())
			roots++
		}
	}
	require.Positive(t, roots, "the platform has told of each essay")
}

func only(t *testing.T, spans []span, name string) span {
	t.Helper()
	found := named(spans, name)
	require.Len(t, found, 1, name)
	return found[0]
}
