package matrix_test

import (
	"compress/gzip"
	"encoding/hex"
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

// collector receives the gateway's spans (OTLP over HTTP) and keeps the server
// spans by trace id.
type collector struct {
	url string

	mu    sync.Mutex
	spans map[string][]serverSpan
}

// serverSpan is what the span of a request says about its end.
type serverSpan struct {
	code   string // attribute error.code
	status string // attribute http.response.status_code
	failed bool   // span status ERROR
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
		for _, scope := range resource.ScopeSpans {
			for _, s := range scope.Spans {
				if s.Kind == otlp.Span_SPAN_KIND_SERVER {
					c.keep(s)
				}
			}
		}
	}
	return nil
}

func (c *collector) keep(s *otlp.Span) {
	out := serverSpan{failed: s.GetStatus().GetCode() == otlp.Status_STATUS_CODE_ERROR}
	for _, kv := range s.Attributes {
		switch kv.Key {
		case "error.code":
			out.code = kv.Value.GetStringValue()
		case "http.response.status_code":
			if n, whole := kv.Value.Value.(*common.AnyValue_IntValue); whole {
				out.status = fmt.Sprint(n.IntValue)
			}
		}
	}
	trace := hex.EncodeToString(s.TraceId)
	c.spans[trace] = append(c.spans[trace], out)
}

// of returns the server spans of a trace.
func (c *collector) of(trace string) []serverSpan {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.spans[trace]
}
