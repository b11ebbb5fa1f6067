package console

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// maxSpans is the number of spans that a Recorder keeps. Older spans are dropped.
const maxSpans = 20_000

// correlationAttribute is the attribute that spans of requests and of consumed records have.
const correlationAttribute = attribute.Key("correlation_id")

// Recorder keeps the newest spans of services in this process. It is safe for concurrent use.
type Recorder struct {
	mu    sync.Mutex
	spans []recordedSpan // oldest first
}

// recordedSpan is an ended span of a service.
type recordedSpan struct {
	Service    string            `json:"service"`
	Name       string            `json:"name"`
	Start      time.Time         `json:"start"`
	Seconds    float64           `json:"seconds"`
	Attributes map[string]string `json:"attributes"`
	Error      string            `json:"error,omitempty"`

	trace trace.TraceID
}

// Provider returns a tracer provider that records every span of a service. The caller must call
// its Shutdown.
func (r *Recorder) Provider(service string) *sdk.TracerProvider {
	return sdk.NewTracerProvider(sdk.WithSampler(sdk.AlwaysSample()), sdk.WithSpanProcessor(spanProcessor{r, service}))
}

// spanProcessor records the spans of one service.
type spanProcessor struct {
	recorder *Recorder
	service  string
}

// OnStart does nothing.
func (spanProcessor) OnStart(context.Context, sdk.ReadWriteSpan) {}

// OnEnd records the span.
func (p spanProcessor) OnEnd(s sdk.ReadOnlySpan) {
	span := recordedSpan{
		Service: p.service, Name: s.Name(), Start: s.StartTime(), Seconds: s.EndTime().Sub(s.StartTime()).Seconds(),
		Attributes: map[string]string{}, trace: s.SpanContext().TraceID(),
	}
	for _, a := range s.Attributes() {
		span.Attributes[string(a.Key)] = fmt.Sprint(a.Value.AsInterface())
	}
	if status := s.Status(); status.Code == codes.Error {
		span.Error = status.Description
	}
	p.recorder.add(span)
}

// Shutdown does nothing.
func (spanProcessor) Shutdown(context.Context) error { return nil }

// ForceFlush does nothing.
func (spanProcessor) ForceFlush(context.Context) error { return nil }

func (r *Recorder) add(s recordedSpan) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.spans) >= maxSpans {
		r.spans = slices.Delete(r.spans, 0, maxSpans/10)
	}
	r.spans = append(r.spans, s)
}

// journey returns the spans of all traces in which a span has the correlation id, ordered by
// their start.
func (r *Recorder) journey(correlation string) []recordedSpan {
	r.mu.Lock()
	defer r.mu.Unlock()
	traces := map[trace.TraceID]bool{}
	for _, s := range r.spans {
		if correlation != "" && s.Attributes[string(correlationAttribute)] == correlation {
			traces[s.trace] = true
		}
	}
	out := []recordedSpan{}
	for _, s := range r.spans {
		if traces[s.trace] {
			out = append(out, s)
		}
	}
	slices.SortStableFunc(out, func(a, b recordedSpan) int { return a.Start.Compare(b.Start) })
	return out
}
