package websocket_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/huleedu/edge/adapters/memory"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// traced returns a node whose spans are recorded as the sampler decides.
func traced(t *testing.T, sampler sdk.Sampler, past ports.NotificationLog) (*node, *tracetest.SpanRecorder) {
	t.Helper()
	r := tracetest.NewSpanRecorder()
	tp := sdk.NewTracerProvider(sdk.WithSampler(sampler), sdk.WithSpanProcessor(r))
	return newNode(t, settings(), func(n *node) {
		n.tracer = tp
		if past != nil {
			n.past = past
		}
	}), r
}

func spansNamed(r *tracetest.SpanRecorder, name string) (out []sdk.ReadOnlySpan) {
	for _, s := range r.Ended() {
		if s.Name() == name {
			out = append(out, s)
		}
	}
	return out
}

// awaitSpans waits for the number of spans with the name.
func awaitSpans(t *testing.T, r *tracetest.SpanRecorder, name string, n int) []sdk.ReadOnlySpan {
	t.Helper()
	require.EventuallyWithT(t, func(c *assert.CollectT) { assert.Len(c, spansNamed(r, name), n) }, 10*time.Second, time.Millisecond)
	return spansNamed(r, name)
}

func attributesOf(s sdk.ReadOnlySpan) map[attribute.Key]string {
	out := map[attribute.Key]string{}
	for _, kv := range s.Attributes() {
		out[kv.Key] = kv.Value.String()
	}
	return out
}

func TestSpans(t *testing.T) {
	n, r := traced(t, sdk.AlwaysSample(), nil)
	c := n.mustDial(t, "u1")
	n.manager.Send(text("u1", "12345"))
	_, err := c.Next()
	require.NoError(t, err)
	forward := awaitSpans(t, r, "websocket.forward_message", 1)[0]
	require.Equal(t, map[attribute.Key]string{"user.id": "u1", "message.size": "5"}, attributesOf(forward))
	require.False(t, forward.Parent().IsValid(), "a direct message begins a trace")
	require.Equal(t, map[attribute.Key]string{"has_token": "true", "correlation_id": correlation}, attributesOf(spansNamed(r, "websocket.validate_token")[0]))
	require.Equal(t, map[attribute.Key]string{"user.id": "u1", "correlation_id": correlation}, attributesOf(spansNamed(r, "websocket.connect")[0]))
}

// TestKeptNotificationsContinueTheirTrace: a delivery is recorded, once per socket,
// if the trace of its publication is recorded, whatever the sampler decides for new
// traces.
func TestKeptNotificationsContinueTheirTrace(t *testing.T) {
	n, r := traced(t, sdk.ParentBased(sdk.NeverSample()), nil)
	sockets := []*client{n.mustDial(t, "u1"), n.mustDial(t, "u1")}
	origin := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{7}, SpanID: trace.SpanID{8}, TraceFlags: trace.FlagsSampled})
	kept := func(ctx context.Context, event string) {
		frame := []byte(`{"event":"` + event + `","data":{}}`)
		h, err := n.bus.Publish(ctx, domain.Notification{EventID: event, User: "u1", Frame: frame})
		require.NoError(t, err)
		n.manager.Send(domain.Message{User: "u1", Payload: domain.WithID(frame, h.ID), Received: time.Now()})
	}
	kept(t.Context(), "unrecorded")
	kept(trace.ContextWithSpanContext(t.Context(), origin), "recorded")
	for _, s := range sockets {
		for range 2 {
			_, err := s.Next()
			require.NoError(t, err)
		}
	}
	for _, s := range awaitSpans(t, r, "websocket.forward_message", 2) {
		require.Equal(t, origin.TraceID(), s.SpanContext().TraceID())
		require.Equal(t, origin.SpanID(), s.Parent().SpanID())
		require.False(t, s.EndTime().Before(s.StartTime()))
	}
}

// slowLog is a log whose Origin blocks.
type slowLog struct {
	ports.NotificationLog
	asked chan struct{}
}

func (l slowLog) Origin(ctx context.Context, _ domain.UserID, _ domain.Position) (context.Context, error) {
	l.asked <- struct{}{}
	<-ctx.Done()
	return ctx, domain.Unreachable("log", ctx.Err())
}

// TestSlowLogDelaysNoMessage: only spans are lost, and the node drains.
func TestSlowLogDelaysNoMessage(t *testing.T) {
	log := slowLog{memory.NewBus(), make(chan struct{}, 100)}
	n, r := traced(t, sdk.AlwaysSample(), log)
	c := n.mustDial(t, "u1")
	for i := range 3 {
		n.manager.Send(domain.Message{User: "u1", Payload: []byte(`{"event":"x","id":"7-` + string(rune('0'+i)) + `"}`), Received: time.Now()})
		_, err := c.Next()
		require.NoError(t, err)
	}
	<-log.asked
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	require.NoError(t, n.manager.Drain(ctx))
	require.Empty(t, spansNamed(r, "websocket.forward_message"))
}

// TestNoTraceLookupWithoutTracing: a node that records nothing reads no log.
func TestNoTraceLookupWithoutTracing(t *testing.T) {
	log := slowLog{memory.NewBus(), make(chan struct{}, 100)}
	n, _ := traced(t, sdk.NeverSample(), log)
	c := n.mustDial(t, "u1")
	n.manager.Send(domain.Message{User: "u1", Payload: []byte(`{"event":"x","id":"7-1"}`), Received: time.Now()})
	_, err := c.Next()
	require.NoError(t, err)
	require.NoError(t, n.manager.Drain(t.Context()))
	require.Empty(t, log.asked)
}
