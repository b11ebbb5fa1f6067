package telemetry

import (
	"crypto/rand"
	"strings"

	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// sampler returns the standard sampler with the configured name. It returns false for an
// unknown name. A local parent decides for its children, so that traces inside the process
// are complete. remoteSampler decides below a remote parent.
func (c *OTelConfig) sampler() (sdk.Sampler, bool) {
	name, parentBased := strings.CutPrefix(strings.ToLower(c.Sampler), "parentbased_")
	ratio, _ := c.ratio()
	var root sdk.Sampler
	switch name {
	case "always_on":
		root = sdk.AlwaysSample()
	case "always_off":
		root = sdk.NeverSample()
	case "traceidratio":
		root = sdk.TraceIDRatioBased(ratio)
	default:
		return nil, false
	}
	return sdk.ParentBased(root,
		sdk.WithRemoteParentSampled(remoteSampler{root, parentBased, sdk.AlwaysSample()}),
		sdk.WithRemoteParentNotSampled(remoteSampler{root, parentBased, sdk.NeverSample()})), true
}

// remoteSampler decides whether a span is sampled whose parent is in another process.
//
//   - The parent of a request comes from a client, which could set the sampled flag or
//     choose a trace id that a ratio sampler always samples. The root sampler decides with
//     a random trace id. The client's trace id and trace state are kept.
//   - The parent of a Kafka record comes from the platform. The parentbased samplers use
//     its sampled flag, so that a trace is sampled on both sides or on none.
type remoteSampler struct {
	root        sdk.Sampler
	parentBased bool
	// likeParent makes the same decision as the parent.
	likeParent sdk.Sampler
}

// ShouldSample decides whether a span is sampled.
func (s remoteSampler) ShouldSample(p sdk.SamplingParameters) sdk.SamplingResult {
	if s.parentBased && p.Kind == trace.SpanKindConsumer {
		return s.likeParent.ShouldSample(p)
	}
	_, _ = rand.Read(p.TraceID[:]) // crypto/rand.Read never fails
	return s.root.ShouldSample(p)
}

// Description returns the name of the sampler for SDK diagnostics.
func (s remoteSampler) Description() string { return "Remote{" + s.root.Description() + "}" }
