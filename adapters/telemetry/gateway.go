package telemetry

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/huleedu/edge/domain"
)

// gatewayMetrics are the metrics of the gateway. Dashboards and alerts depend on names
// and labels, so they change only with the wire contract.
type gatewayMetrics struct {
	requests        *prometheus.CounterVec
	requestSeconds  *prometheus.HistogramVec
	inProgress      prometheus.Gauge
	published       *prometheus.CounterVec
	publishSeconds  prometheus.Histogram
	serviceCalls    *prometheus.CounterVec
	serviceSeconds  *prometheus.HistogramVec
	errors          *prometheus.CounterVec
	circuits        *prometheus.GaugeVec
	limited         enumCounter[domain.LimitClass]
	limitsDegraded  prometheus.Gauge
	tokenValidation enumCounter[domain.TokenResult]
	tokenCacheHits  prometheus.Counter
	process         processMetrics
}

// NewGatewayObserver returns the gateway's observer with all metrics registered.
func NewGatewayObserver() *Observer {
	o := newObserver()
	m := gatewayMetrics{
		requests: o.counters("gateway_http_requests_total",
			"HTTP requests with a response.", "method", "endpoint", "http_status"),
		requestSeconds: o.histograms("gateway_http_request_duration_seconds",
			"Time from an HTTP request to its response.", answerBuckets(), "method", "endpoint"),
		inProgress: o.gauge("gateway_http_requests_in_progress",
			"HTTP requests in progress."),
		published: o.counters("gateway_events_published_total",
			"Events that Kafka confirmed.", "topic", "event_type"),
		publishSeconds: o.histogram("gateway_publish_duration_seconds",
			"Duration of an attempt to publish, successful or not.", publishBuckets()),
		serviceCalls: o.counters("gateway_downstream_service_calls_total",
			"Calls to services behind the gateway; status 0: no response.", "service", "method", "endpoint", "status_code"),
		serviceSeconds: o.histograms("gateway_downstream_service_call_duration_seconds",
			"Duration of a call to a service behind the gateway.", answerBuckets(), "service", "method", "endpoint"),
		errors: o.counters("gateway_api_errors_total",
			"Error responses to clients.", "endpoint", "error_type"),
		circuits: o.gauges("gateway_circuit_state",
			"State of the circuit breaker of a service: 0 closed, 1 half-open, 2 open.", "service"),
		limited: newEnumCounter(o.counters("gateway_rate_limited_total",
			"Requests rejected by a rate limit.", "class"),
			stringLabel, otherLabel, domain.LimitClasses()...),
		limitsDegraded: o.gauge("gateway_rate_limiter_degraded",
			"1 while this node applies rate limits without the other nodes, because Redis is unavailable."),
		tokenValidation: tokenValidation(o),
		tokenCacheHits:  o.counter("jwt_cache_hits_total", "Tokens validated from the cache."),
		process:         newProcessMetrics(o, "gateway"),
	}
	o.count = m.count
	return o
}

// count updates the metrics of a fact.
func (m *gatewayMetrics) count(fact domain.Fact) {
	switch f := fact.(type) {
	case domain.RequestStarted:
		m.inProgress.Inc()
	case domain.RequestServed:
		m.inProgress.Dec()
		verb, route := methodLabel(f.Method), endpointLabel(f.Endpoint)
		m.requests.WithLabelValues(verb, route, statusLabel(f.Status)).Inc()
		m.requestSeconds.WithLabelValues(verb, route).Observe(f.Duration.Seconds())
	case domain.RequestFailed:
		m.errors.WithLabelValues(endpointLabel(f.Endpoint), errorTypeLabel(f.Code)).Inc()
	case domain.TokenChecked:
		m.tokenValidation.inc(f.Result)
		if f.Cached {
			m.tokenCacheHits.Inc()
		}
	case domain.CircuitChanged:
		m.circuits.WithLabelValues(f.Service).Set(circuitValue(f.State))
	case domain.RequestLimited:
		m.limited.inc(f.Class)
	case domain.LimiterDegraded:
		m.limitsDegraded.Set(boolValue(f.Degraded))
	case domain.EventPublished:
		m.published.WithLabelValues(string(f.Topic), f.EventType).Inc()
	case domain.PublishEnded:
		m.publishSeconds.Observe(f.Duration.Seconds())
	case domain.ServiceCalled:
		verb, route := methodLabel(f.Method), endpointLabel(f.Endpoint)
		m.serviceCalls.WithLabelValues(f.Service, verb, route, statusLabel(f.Status)).Inc()
		m.serviceSeconds.WithLabelValues(f.Service, verb, route).Observe(f.Duration.Seconds())
	default:
		m.process.count(fact)
	}
}

// circuitValue returns a circuit's state as a number: 0 closed, 1 half-open, 2 open.
func circuitValue(s domain.CircuitState) float64 {
	switch s {
	case domain.CircuitStateClosed:
		return 0
	case domain.CircuitStateHalfOpen:
		return 1
	default:
		return 2
	}
}

// tokenValidation registers the metric that both services share.
func tokenValidation(o *Observer) enumCounter[domain.TokenResult] {
	return newEnumCounter(o.counters("jwt_validation_total", "Validated tokens.", "result"),
		stringLabel, string(domain.TokenResultInvalid), domain.TokenResultSuccess, domain.TokenResultExpired, domain.TokenResultInvalid)
}

// answerBuckets are the histogram buckets of HTTP responses, in seconds.
func answerBuckets() []float64 {
	return []float64{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30}
}

// publishBuckets are the histogram buckets of publishing, in seconds. They are narrow
// around the few milliseconds of a healthy Kafka and end at the publish timeout.
func publishBuckets() []float64 {
	return []float64{0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5}
}
