package matrix_test

import (
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	collect "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// collector receives the gateways' spans (OTLP over HTTP) and keeps the server
// spans by correlation id.
type collector struct {
	url string

	mu    sync.Mutex
	spans map[string][]serverSpan
}

// serverSpan is what the span of a request says about its end.
type serverSpan struct {
	gateway string // attribute service.name of its process
	name    string // method and endpoint
	code    string // attribute error.code
	status  string // attribute http.response.status_code
	failed  bool   // span status ERROR
}

func newCollector(t *testing.T) *collector {
	t.Helper()
	c := &collector{spans: map[string][]serverSpan{}}
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
	var in io.Reader = r.Body
	if r.Header.Get("Content-Encoding") == "gzip" {
		unzipped, err := gzip.NewReader(r.Body)
		if err != nil {
			return err
		}
		in = unzipped
	}
	raw, err := io.ReadAll(in)
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
		process := attribute(resource.GetResource().GetAttributes(), "service.name")
		for _, scope := range resource.ScopeSpans {
			for _, s := range scope.Spans {
				if s.Kind == otlp.Span_SPAN_KIND_SERVER {
					c.keep(process, s)
				}
			}
		}
	}
	return nil
}

func (c *collector) keep(process string, s *otlp.Span) {
	id := attribute(s.Attributes, "correlation_id")
	c.spans[id] = append(c.spans[id], serverSpan{
		gateway: process, name: s.Name,
		code:   attribute(s.Attributes, "error.code"),
		status: attribute(s.Attributes, "http.response.status_code"),
		failed: s.GetStatus().GetCode() == otlp.Status_STATUS_CODE_ERROR,
	})
}

// attribute returns a text or a number, "" if there is none.
func attribute(list []*common.KeyValue, name string) string {
	for _, kv := range list {
		if kv.Key != name {
			continue
		}
		if n, whole := kv.Value.Value.(*common.AnyValue_IntValue); whole {
			return fmt.Sprint(n.IntValue)
		}
		return kv.Value.GetStringValue()
	}
	return ""
}

// of returns the server spans of a request.
func (c *collector) of(correlation string) []serverSpan {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.spans[correlation]
}

// from returns the server spans of a gateway.
func (c *collector) from(gateway string) (out []serverSpan) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, spans := range c.spans {
		for _, s := range spans {
			if s.gateway == gateway {
				out = append(out, s)
			}
		}
	}
	return out
}
