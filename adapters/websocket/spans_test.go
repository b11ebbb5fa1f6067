package websocket_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/embedded"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/huleedu/edge/domain"
)

// recorder is a tracer that only notes how spans begin.
type recorder struct {
	embedded.TracerProvider
	mu    sync.Mutex
	spans map[string][]attribute.KeyValue
}

func (r *recorder) Tracer(string, ...trace.TracerOption) trace.Tracer { return &recorderTracer{r: r} }

type recorderTracer struct {
	embedded.Tracer
	r *recorder
}

func (t *recorderTracer) Start(ctx context.Context, name string, o ...trace.SpanStartOption) (context.Context, trace.Span) {
	t.r.mu.Lock()
	defer t.r.mu.Unlock()
	config := trace.NewSpanStartConfig(o...)
	t.r.spans[name] = config.Attributes()
	return ctx, noop.Span{}
}

func (r *recorder) attributes(name string) map[attribute.Key]string {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := map[attribute.Key]string{}
	for _, kv := range r.spans[name] {
		out[kv.Key] = kv.Value.String()
	}
	return out
}

func TestSpans(t *testing.T) {
	r := &recorder{spans: map[string][]attribute.KeyValue{}}
	n := newNode(t, settings(), func(n *node) { n.tracer = r })
	c := n.mustDial(t, "u1")
	n.manager.Send(domain.Message{User: "u1", Payload: []byte("12345"), Received: time.Now()})
	_, err := c.Next()
	require.NoError(t, err)
	require.Eventually(t, func() bool { return len(r.attributes("websocket.forward_message")) > 0 }, time.Second, time.Millisecond)
	require.Equal(t, map[attribute.Key]string{"has_token": "true", "correlation_id": correlation}, r.attributes("websocket.validate_token"))
	require.Equal(t, map[attribute.Key]string{"user.id": "u1", "correlation_id": correlation}, r.attributes("websocket.connect"))
	require.Equal(t, map[attribute.Key]string{"user.id": "u1", "message.size": "5"}, r.attributes("websocket.forward_message"))
}
