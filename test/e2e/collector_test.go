package e2e_test

import (
	"cmp"
	"compress/gzip"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	collect "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// collector is where the programs send their spans (OTLP over HTTP).
type collector struct {
	url string

	mu    sync.Mutex
	spans []span
}

// span is a span as it was exported, with the service that made it.
type span struct {
	*otlp.Span

	service string
}

func newCollector(t *testing.T) *collector {
	t.Helper()
	c := &collector{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := c.take(r); err != nil {
			w.WriteHeader(http.StatusBadRequest)
		}
	}))
	t.Cleanup(s.Close)
	c.url = s.URL
	return c
}

func (c *collector) take(r *http.Request) error {
	var body io.Reader = r.Body
	if r.Header.Get("Content-Encoding") == "gzip" {
		unzipped, err := gzip.NewReader(r.Body)
		if err != nil {
			return err
		}
		body = unzipped
	}
	raw, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	var batch collect.ExportTraceServiceRequest
	if err := proto.Unmarshal(raw, &batch); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, resource := range batch.ResourceSpans {
		service := attributes(resource.Resource.Attributes)["service.name"]
		for _, scope := range resource.ScopeSpans {
			for _, s := range scope.Spans {
				c.spans = append(c.spans, span{s, service})
			}
		}
	}
	return nil
}

// all is what came so far.
func (c *collector) all() []span {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.spans)
}

// trace is what came of one trace, by the time of its beginning.
func (c *collector) trace(id string) (out []span) {
	for _, s := range c.all() {
		if hex.EncodeToString(s.TraceId) == id {
			out = append(out, s)
		}
	}
	slices.SortFunc(out, func(a, b span) int { return cmp.Compare(a.StartTimeUnixNano, b.StartTimeUnixNano) })
	return out
}

// await waits until the trace holds so many spans of each name.
func (c *collector) await(t *testing.T, trace string, counts map[string]int) []span {
	t.Helper()
	var last []span
	require.Eventually(t, func() bool {
		last = c.trace(trace)
		for name, want := range counts {
			if len(named(last, name)) < want {
				return false
			}
		}
		return true
	}, patience, look, "%v of:\n%s", counts, (*treeOf)(&last))
	return last
}

const look = 20 * time.Millisecond

func hexOf(id []byte) string { return hex.EncodeToString(id) }

// traceID spells a random trace id.
func traceID(id uuid.UUID) string { return hex.EncodeToString(id[:]) }

func named(spans []span, name string) (out []span) {
	for _, s := range spans {
		if s.Name == name {
			out = append(out, s)
		}
	}
	return out
}

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

// said are the span's attributes.
func (s span) said() map[string]string { return attributes(s.Attributes) }

func (s span) id() string { return hex.EncodeToString(s.SpanId) }

func (s span) parent() string { return hex.EncodeToString(s.ParentSpanId) }

// treeOf prints spans as a tree.
type treeOf []span

func (t *treeOf) String() string {
	var b strings.Builder
	known := map[string]bool{}
	for _, s := range *t {
		known[s.id()] = true
	}
	for _, s := range *t {
		if !known[s.parent()] {
			t.branch(&b, s, 0)
		}
	}
	return b.String()
}

func (t *treeOf) branch(b *strings.Builder, s span, depth int) {
	kind := strings.ToLower(strings.TrimPrefix(s.Kind.String(), "SPAN_KIND_"))
	took := (s.EndTimeUnixNano - s.StartTimeUnixNano) / 1000
	said := s.said()
	facts := make([]string, 0, len(said))
	for _, key := range slices.Sorted(keysOf(said)) {
		facts = append(facts, key+"="+said[key])
	}
	fmt.Fprintf(b, "%s%s (%s, %s, %d µs) {%s}\n", strings.Repeat("  ", depth), s.Name, s.service, kind, took, strings.Join(facts, ", "))
	for _, child := range *t {
		if child.parent() == s.id() {
			t.branch(b, child, depth+1)
		}
	}
}
