package telemetry

import (
	"crypto/rand"
	"strings"

	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// edgeSampler is a sampler for a service that receives requests from untrusted clients.
// A local parent decides for its children, so that traces inside the process are complete.
// For a remote parent it depends on the kind of the span:
//
//   - The parent of a request comes from a client, which could set the sampled flag or
//     choose a trace id that a ratio sampler always samples. The root sampler decides with
//     a random trace id. The client's trace id and trace state are kept.
//   - The parent of a Kafka record comes from the platform. The parentbased samplers use
//     its sampled flag, so that a trace is sampled on both sides or on none.
type edgeSampler struct {
	root        sdk.Sampler
	parentBased bool
}

// ShouldSample decides whether a span is sampled.
func (s edgeSampler) ShouldSample(p sdk.SamplingParameters) sdk.SamplingResult {
	parent := trace.SpanContextFromContext(p.ParentContext)
	switch {
	case !parent.IsValid():
		return s.root.ShouldSample(p)
	case !parent.IsRemote(), s.parentBased && p.Kind == trace.SpanKindConsumer:
		return sampleLike(parent)
	default:
		_, _ = rand.Read(p.TraceID[:]) // crypto/rand.Read never fails
		return s.root.ShouldSample(p)
	}
}

// Description returns the name of the sampler for SDK diagnostics.
func (s edgeSampler) Description() string { return "Edge{" + s.root.Description() + "}" }

func sampleLike(parent trace.SpanContext) sdk.SamplingResult {
	decision := sdk.Drop
	if parent.IsSampled() {
		decision = sdk.RecordAndSample
	}
	return sdk.SamplingResult{Decision: decision, Tracestate: parent.TraceState()}
}

// sampler returns the standard sampler with the configured name. It returns false for an
// unknown name.
func (c *OTelConfig) sampler() (sdk.Sampler, bool) {
	name, parentBased := strings.CutPrefix(strings.ToLower(c.Sampler), "parentbased_")
	ratio, _ := c.ratio()
	switch name {
	case "always_on":
		return edgeSampler{sdk.AlwaysSample(), parentBased}, true
	case "always_off":
		return edgeSampler{sdk.NeverSample(), parentBased}, true
	case "traceidratio":
		return edgeSampler{sdk.TraceIDRatioBased(ratio), parentBased}, true
	default:
		return nil, false
	}
}
