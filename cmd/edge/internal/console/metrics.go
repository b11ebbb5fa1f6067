package console

import (
	"bytes"
	"context"
	"math"
	"slices"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// sample contains the values of one node that the charts show. Counters count from the start of
// the node.
type sample struct {
	Address string    `json:"address"`
	Error   string    `json:"error,omitempty"`
	At      time.Time `json:"at"`
	// Connections is the number of open connections, Delivered that of messages that were sent.
	// Both are nil for the gateway.
	Connections *float64 `json:"connections"`
	Delivered   *float64 `json:"delivered"`
	// Lag is the number of records that wait in the partitions of the node; nil for a node
	// without partitions.
	Lag *float64 `json:"lag"`
	// Requests counts HTTP requests by status.
	Requests map[string]float64 `json:"requests"`
	// RequestSeconds and DeliverySeconds are histograms.
	RequestSeconds  []bucket `json:"request_seconds"`
	DeliverySeconds []bucket `json:"delivery_seconds"`
}

// bucket counts the observations that are at most Bound. The last bucket has no bound.
type bucket struct {
	Bound *float64 `json:"bound"`
	Count float64  `json:"count"`
}

// sample reads the metrics of a node.
func (n *Nodes) sample(ctx context.Context, address string) sample {
	out := sample{Address: address, At: time.Now(), Requests: map[string]float64{}}
	text, err := n.get(ctx, address, "/metrics")
	if err != nil {
		out.Error = err.Error()
		return out
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(text))
	if err != nil {
		out.Error = "the metrics of the node are not in the text format of Prometheus"
		return out
	}
	out.Connections = total(families["websocket_active_connections"])
	out.Delivered = total(families["websocket_messages_sent_total"])
	out.Lag = total(families["notification_partition_lag"])
	for _, prefix := range []string{"gateway", "websocket"} {
		countByStatus(families[prefix+"_http_requests_total"], out.Requests)
		out.RequestSeconds = append(out.RequestSeconds, histogram(families[prefix+"_http_request_duration_seconds"])...)
	}
	out.DeliverySeconds = histogram(families["websocket_delivery_seconds"])
	return out
}

// total returns the sum of a family's gauges or counters; nil for a family that does not exist.
func total(f *dto.MetricFamily) *float64 {
	if f == nil {
		return nil
	}
	var sum float64
	for _, m := range f.GetMetric() {
		sum += m.GetGauge().GetValue() + m.GetCounter().GetValue()
	}
	return &sum
}

// countByStatus adds the counters of a family to those of their status.
func countByStatus(f *dto.MetricFamily, into map[string]float64) {
	for _, m := range f.GetMetric() {
		for _, label := range m.GetLabel() {
			if label.GetName() == "http_status" {
				into[label.GetValue()] += m.GetCounter().GetValue()
			}
		}
	}
}

// histogram returns the sum of a family's histograms, ordered by bound. Each count includes the
// smaller buckets.
func histogram(f *dto.MetricFamily) []bucket {
	counts := map[float64]float64{}
	for _, m := range f.GetMetric() {
		for _, b := range m.GetHistogram().GetBucket() {
			counts[b.GetUpperBound()] += float64(b.GetCumulativeCount())
		}
		if h := m.GetHistogram(); h != nil {
			counts[math.Inf(1)] = counts[math.Inf(1)] + float64(h.GetSampleCount()) - float64(countAtInfinity(h))
		}
	}
	var bounds []float64
	for bound := range counts {
		bounds = append(bounds, bound)
	}
	slices.Sort(bounds)
	out := make([]bucket, len(bounds))
	for i, bound := range bounds {
		out[i].Count = counts[bound]
		if !math.IsInf(bound, 1) {
			out[i].Bound = &bound
		}
	}
	return out
}

// countAtInfinity returns the count of the bucket without a bound, if the text contains it.
func countAtInfinity(h *dto.Histogram) uint64 {
	for _, b := range h.GetBucket() {
		if math.IsInf(b.GetUpperBound(), 1) {
			return b.GetCumulativeCount()
		}
	}
	return 0
}
