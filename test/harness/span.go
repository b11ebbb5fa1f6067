package harness

import (
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	common "go.opentelemetry.io/proto/otlp/common/v1"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
)

// Span is an exported span and the name of the service that made it.
type Span struct {
	*otlp.Span

	Service string
}

// Attrs returns the attributes of the span as text.
func (s Span) Attrs() map[string]string { return attributes(s.Attributes) }

// ID returns the span id in hexadecimal.
func (s Span) ID() string { return hex.EncodeToString(s.SpanId) }

// Parent returns the id of the parent span in hexadecimal, or "" for the first span of a trace.
func (s Span) Parent() string { return hex.EncodeToString(s.ParentSpanId) }

// Named returns the spans with this name.
func Named(spans []Span, name string) (out []Span) {
	for _, s := range spans {
		if s.Name == name {
			out = append(out, s)
		}
	}
	return out
}

// attributes returns attributes as text.
func attributes(list []*common.KeyValue) map[string]string {
	out := map[string]string{}
	for _, kv := range list {
		switch v := kv.Value.Value.(type) {
		case *common.AnyValue_StringValue:
			out[kv.Key] = v.StringValue
		case *common.AnyValue_IntValue:
			out[kv.Key] = fmt.Sprint(v.IntValue)
		case *common.AnyValue_BoolValue:
			out[kv.Key] = fmt.Sprint(v.BoolValue)
		default:
			out[kv.Key] = kv.Value.String()
		}
	}
	return out
}

// Tree prints spans as a tree: a span stands below its parent.
type Tree []Span

// String returns one line for each span.
func (t *Tree) String() string {
	var b strings.Builder
	known := map[string]bool{}
	for _, s := range *t {
		known[s.ID()] = true
	}
	for _, s := range *t {
		if !known[s.Parent()] {
			t.write(&b, s, 0)
		}
	}
	return b.String()
}

// write writes a span and the spans below it.
func (t *Tree) write(b *strings.Builder, s Span, depth int) {
	kind := strings.ToLower(strings.TrimPrefix(s.Kind.String(), "SPAN_KIND_"))
	took := (s.EndTimeUnixNano - s.StartTimeUnixNano) / 1000
	values := s.Attrs()
	words := make([]string, 0, len(values))
	for _, key := range slices.Sorted(maps.Keys(values)) {
		words = append(words, key+"="+values[key])
	}
	fmt.Fprintf(b, "%s%s (%s, %s, %d µs) {%s}\n", strings.Repeat("  ", depth), s.Name, s.Service, kind, took, strings.Join(words, ", "))
	for _, child := range *t {
		if child.Parent() == s.ID() {
			t.write(b, child, depth+1)
		}
	}
}
