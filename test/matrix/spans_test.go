package matrix_test

import (
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/huleedu/edge/test/harness"
)

// serverSpan is what the span of a request says about its end.
type serverSpan struct {
	gateway string // attribute service.name of its process
	name    string // method and endpoint
	code    string // attribute error.code
	status  string // attribute http.response.status_code
	failed  bool   // span status ERROR
}

// serverSpans are the server spans by correlation id.
type serverSpans map[string][]serverSpan

// spansOf returns the server spans that the collector has received.
func spansOf(c *harness.Collector) serverSpans {
	out := serverSpans{}
	for _, s := range c.Spans() {
		if s.Kind != otlp.Span_SPAN_KIND_SERVER {
			continue
		}
		attributes := s.Attrs()
		id := attributes["correlation_id"]
		out[id] = append(out[id], serverSpan{
			gateway: s.Service, name: s.Name, code: attributes["error.code"], status: attributes["http.response.status_code"],
			failed: s.GetStatus().GetCode() == otlp.Status_STATUS_CODE_ERROR,
		})
	}
	return out
}

// from returns the server spans of a gateway.
func (s serverSpans) from(gateway string) (out []serverSpan) {
	for _, spans := range s {
		for _, one := range spans {
			if one.gateway == gateway {
				out = append(out, one)
			}
		}
	}
	return out
}
