package telemetry

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/huleedu/edge/domain"
)

// Observer counts facts as metrics of one service, see gateway.go and websocket.go.
// Each observer has its own registry, so that both services can run in one process.
type Observer struct {
	registry *prometheus.Registry
	count    func(domain.Fact)
}

// newObserver returns an observer with the metrics of the Go runtime and the process.
func newObserver() *Observer {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return &Observer{registry: r}
}

// Observe counts the fact. It ignores a fact without a metric in this service. It never
// blocks and is safe for concurrent use.
func (o *Observer) Observe(fact domain.Fact) { o.count(fact) }

// Handler serves GET /metrics in the format that the client accepts.
func (o *Observer) Handler() http.Handler {
	return promhttp.HandlerFor(o.registry, promhttp.HandlerOpts{})
}

func (o *Observer) counter(name, help string) prometheus.Counter {
	return promauto.With(o.registry).NewCounter(prometheus.CounterOpts{Name: name, Help: help})
}

func (o *Observer) counters(name, help string, labels ...string) *prometheus.CounterVec {
	return promauto.With(o.registry).NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
}

func (o *Observer) gauge(name, help string) prometheus.Gauge {
	return promauto.With(o.registry).NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
}

func (o *Observer) gauges(name, help string, labels ...string) *prometheus.GaugeVec {
	return promauto.With(o.registry).NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels)
}

func (o *Observer) histogram(name, help string, buckets []float64) prometheus.Histogram {
	opts := prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}
	return promauto.With(o.registry).NewHistogram(opts)
}

func (o *Observer) histograms(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	opts := prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}
	return promauto.With(o.registry).NewHistogramVec(opts, labels)
}
