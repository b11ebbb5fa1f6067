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
	// Name is the operation's; Kind is internal, server, client, producer or
	// consumer.
	Name, Kind string
	// TraceID, SpanID and ParentID are lower-case hex; ParentID is empty for a
	// root.
	TraceID, SpanID, ParentID string
	// Attributes hold values of Go's own types.
	Attributes map[string]any
	// Events are in the order in which they were added.
	Events []SpanEvent
	// Status is Unset, Ok or Error; Message explains an error.
	Status, Message string
}

// SpanEvent is something that happened during a span, such as an exception.
type SpanEvent struct {
	// Name is "exception" for a recorded error.
	Name string
	// Attributes hold values of Go's own types.
	Attributes map[string]any
}

// Recorder keeps every span in memory, so that a test can say what it expects.
// It is safe for any number of goroutines.
type Recorder struct {
	provider *sdk.TracerProvider
	mu       sync.Mutex
	spans    []Span
	// more is closed, and replaced, when a span ends.
	more chan struct{}
}

// NewRecorder returns an empty recorder that samples everything.
func NewRecorder() *Recorder {
	r := &Recorder{more: make(chan struct{})}
	r.provider = sdk.NewTracerProvider(sdk.WithSampler(sdk.AlwaysSample()), sdk.WithSpanProcessor(processor{r}))
	return r
}

// Provider makes tracers whose spans are kept.
func (r *Recorder) Provider() trace.TracerProvider { return r.provider }

// Spans returns the spans that have ended so far, in the order in which they
// ended. The slice is the caller's own.
func (r *Recorder) Spans() []Span {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.spans)
}

// Await returns the first span of that name that ends, now or until ctx is
// done; then it returns ctx's error.
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

// find returns the first span of that name, or what to wait for when there is
// none yet.
func (r *Recorder) find(name string) (found Span, more <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if i := slices.IndexFunc(r.spans, func(s Span) bool { return s.Name == name }); i >= 0 {
		return r.spans[i], nil
	}
	return Span{}, r.more
}

func (r *Recorder) add(s Span) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.spans = append(r.spans, s)
	close(r.more)
	r.more = make(chan struct{})
}

// processor is the recorder as the SDK sees it.
type processor struct{ recorder *Recorder }

func (processor) OnStart(context.Context, sdk.ReadWriteSpan) {}

func (p processor) OnEnd(s sdk.ReadOnlySpan) { p.recorder.add(plain(s)) }

func (processor) Shutdown(context.Context) error { return nil }

func (processor) ForceFlush(context.Context) error { return nil }

// plain copies what a test may want to know of a span.
func plain(s sdk.ReadOnlySpan) Span {
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
