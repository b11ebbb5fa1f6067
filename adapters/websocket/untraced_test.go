package websocket

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/huleedu/edge/domain"
)

// untraced returns a session and a message on a node that records nothing.
func untraced(tp trace.TracerProvider) (spans, *session, outboundMessage) {
	return newSpans(tp), &session{caller: domain.Caller{User: "u1"}},
		outboundMessage{payload: []byte("12345"), received: time.Now(), id: streamID{7, 1}}
}

func TestDeliveryWithoutTracingAllocatesNothing(t *testing.T) {
	s, to, l := untraced(noop.NewTracerProvider())
	require.Zero(t, testing.AllocsPerRun(100, func() { s.recordDelivery(to, l) }))
}

func BenchmarkDeliveryWithoutTracing(b *testing.B) {
	s, to, l := untraced(noop.NewTracerProvider())
	b.ReportAllocs()
	for b.Loop() {
		s.recordDelivery(to, l)
	}
}
