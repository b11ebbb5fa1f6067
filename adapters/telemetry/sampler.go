package telemetry

import (
	"crypto/rand"
	"strings"

	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// doorSampler decides which traces are kept, at a service that strangers call.
// Inside the process the parent's decision holds, so that no trace has holes.
// For a parent from elsewhere it depends on who wrote it:
//
//   - A request comes from a client, which could set the flag, or choose a trace
//     id that a ratio always keeps. The decision is made as for a new trace, on
//     an id of our own; the client's trace id and state still go on.
//   - A record of Kafka comes from the platform, whose flag is followed by the
//     parentbased samplers, so that a trace is kept on both sides or on none.
type doorSampler struct {
	root        sdk.Sampler
	parentBased bool
}

// ShouldSample decides for one span.
func (s doorSampler) ShouldSample(p sdk.SamplingParameters) sdk.SamplingResult {
	parent := trace.SpanContextFromContext(p.ParentContext)
	switch {
	case !parent.IsValid():
		return s.root.ShouldSample(p)
	case !parent.IsRemote(), s.parentBased && p.Kind == trace.SpanKindConsumer:
		return follow(parent)
	default:
		_, _ = rand.Read(p.TraceID[:]) // never fails
		return s.root.ShouldSample(p)
	}
}

// Description names the sampler for the SDK's own diagnostics.
func (s doorSampler) Description() string { return "Door{" + s.root.Description() + "}" }

func follow(parent trace.SpanContext) sdk.SamplingResult {
	decision := sdk.Drop
	if parent.IsSampled() {
		decision = sdk.RecordAndSample
	}
	return sdk.SamplingResult{Decision: decision, Tracestate: parent.TraceState()}
}

// sampler reads the standard sampler's name; false for an unknown one.
func (c OTelConfig) sampler() (sdk.Sampler, bool) {
	name, parentBased := strings.CutPrefix(strings.ToLower(c.Sampler), "parentbased_")
	ratio, _ := c.ratio()
	switch name {
	case "always_on":
		return doorSampler{sdk.AlwaysSample(), parentBased}, true
	case "always_off":
		return doorSampler{sdk.NeverSample(), parentBased}, true
	case "traceidratio":
		return doorSampler{sdk.TraceIDRatioBased(ratio), parentBased}, true
	default:
		return nil, false
	}
}
