package telemetry

import (
	"context"
	"slices"
	"sync"

	"go.opentelemetry.io/otel/attribute"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// Span is an ended span as a plain value, for tests.
type Span struct {
	// Name is the span name. Kind is internal, server, client, producer or consumer.
	Name, Kind string
	// TraceID, SpanID and ParentID are lower-case hex. ParentID is empty for a root span.
	TraceID, SpanID, ParentID string
	// Attributes contains the attribute values as Go types.
	Attributes map[string]any
	// Events contains the span events in order.
	Events []SpanEvent
	// Status is Unset, Ok or Error. Message is the description of an error.
	Status, Message string
}

// SpanEvent is an event of a span, such as an exception.
type SpanEvent struct {
	// Name is the event name; it is "exception" for a recorded error.
	Name string
	// Attributes contains the attribute values as Go types.
	Attributes map[string]any
}

// Recorder stores all spans in memory, for tests. It is safe for concurrent use.
type Recorder struct {
	provider *sdk.TracerProvider
	mu       sync.Mutex
	spans    []Span
	// changed is closed and replaced when a span ends.
	changed chan struct{}
}

// NewRecorder returns an empty recorder that samples all traces.
func NewRecorder() *Recorder {
	r := &Recorder{changed: make(chan struct{})}
	r.provider = sdk.NewTracerProvider(sdk.WithSampler(sdk.AlwaysSample()), sdk.WithSpanProcessor(processor{r}))
	return r
}

// Provider returns a tracer provider whose spans are recorded.
func (r *Recorder) Provider() trace.TracerProvider { return r.provider }

// Spans returns a copy of the ended spans, in the order in which they ended.
func (r *Recorder) Spans() []Span {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.spans)
}

// Await returns the first ended span with the name. It waits for one until ctx is done and
// then returns ctx's error.
func (r *Recorder) Await(ctx context.Context, name string) (Span, error) {
	for {
		found, more := r.find(name)
		if more == nil {
			return found, nil
		}
		select {
		case <-more:
		case <-ctx.Done():
			return Span{}, ctx.Err()
		}
	}
}

// find returns the first ended span with the name. Otherwise it returns a channel that is
// closed when another span ends.
func (r *Recorder) find(name string) (found Span, more <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if i := slices.IndexFunc(r.spans, func(s Span) bool { return s.Name == name }); i >= 0 {
		return r.spans[i], nil
	}
	return Span{}, r.changed
}

func (r *Recorder) add(s Span) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.spans = append(r.spans, s)
	close(r.changed)
	r.changed = make(chan struct{})
}

// processor is the SDK span processor of the recorder.
type processor struct{ recorder *Recorder }

func (processor) OnStart(context.Context, sdk.ReadWriteSpan) {}

func (p processor) OnEnd(s sdk.ReadOnlySpan) { p.recorder.add(convertSpan(s)) }

func (processor) Shutdown(context.Context) error { return nil }

func (processor) ForceFlush(context.Context) error { return nil }

// convertSpan converts an SDK span.
func convertSpan(s sdk.ReadOnlySpan) Span {
	out := Span{
		Name: s.Name(), Kind: s.SpanKind().String(),
		TraceID: s.SpanContext().TraceID().String(), SpanID: s.SpanContext().SpanID().String(),
		Attributes: values(s.Attributes()),
		Status:     s.Status().Code.String(), Message: s.Status().Description,
	}
	if s.Parent().HasSpanID() {
		out.ParentID = s.Parent().SpanID().String()
	}
	for _, e := range s.Events() {
		out.Events = append(out.Events, SpanEvent{Name: e.Name, Attributes: values(e.Attributes)})
	}
	return out
}

func values(attributes []attribute.KeyValue) map[string]any {
	out := make(map[string]any, len(attributes))
	for _, a := range attributes {
		out[string(a.Key)] = a.Value.AsInterface()
	}
	return out
}
