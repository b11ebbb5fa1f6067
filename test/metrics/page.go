package metrics

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// Page holds the metrics of one page by name.
type Page map[string]*dto.MetricFamily

// Parse reads a page in the text format of Prometheus.
func Parse(r io.Reader) (Page, error) {
	parser := expfmt.NewTextParser(model.LegacyValidation)
	return parser.TextToMetricFamilies(r)
}

// Fetch reads the page at a URL on a connection of its own.
func Fetch(ctx context.Context, url string) (Page, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, err
	}
	response, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("GET %s: %s", url, response.Status)
	}
	return Parse(response.Body)
}

// Sum adds the values of a counter or gauge by the values of labels, which are joined by a space.
// Without labels the key is "". It returns an empty map if the page does not have the metric.
func (p Page) Sum(name string, labels ...string) map[string]float64 {
	out := map[string]float64{}
	for _, m := range p[name].GetMetric() {
		values := make([]string, len(labels))
		for i, label := range labels {
			for _, l := range m.Label {
				if l.GetName() == label {
					values[i] = l.GetValue()
				}
			}
		}
		out[strings.Join(values, " ")] += m.GetCounter().GetValue() + m.GetGauge().GetValue() + m.GetUntyped().GetValue()
	}
	return out
}
