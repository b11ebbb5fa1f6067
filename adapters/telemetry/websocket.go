package telemetry

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/huleedu/edge/domain"
)

// websocketMetrics are the metrics of the notification service. Dashboards and alerts
// depend on names and labels, so they change only with the wire contract.
type websocketMetrics struct {
	sockets, streams connectionMetrics
	limit            prometheus.Gauge
	quotaDegraded    prometheus.Gauge
	lifetime         prometheus.Histogram
	sent, replayed   prometheus.Counter
	size, delivery   prometheus.Histogram
	failed           enumCounter[domain.FailureReason]
	inbound          enumCounter[domain.FrameType]
	tokenValidation  enumCounter[domain.TokenResult]
	followSeconds    *prometheus.HistogramVec
	subscriptions    prometheus.Gauge
	resubscribes     prometheus.Counter
	notifications    enumCounter[domain.NotificationResult]
	stored           enumCounter[string]
	lag              prometheus.Histogram
	partitionLag     *prometheus.GaugeVec
	consumerDegraded prometheus.Gauge
	requests         *prometheus.CounterVec
	requestSeconds   *prometheus.HistogramVec
	inProgress       prometheus.Gauge
	process          processMetrics
}

// NewWebSocketObserver returns the notification service's observer with all metrics
// registered.
func NewWebSocketObserver() *Observer {
	o := newObserver()
	m := &websocketMetrics{tokenValidation: tokenValidation(o), process: newProcessMetrics(o, "websocket")}
	m.registerSockets(o)
	m.registerMessages(o)
	m.registerSources(o)
	m.registerHTTP(o)
	o.count = m.count
	return o
}

func (m *websocketMetrics) registerSockets(o *Observer) {
	m.sockets, m.streams = newConnectionMetrics(o)
	m.limit = o.gauge("websocket_connections_limit", "Sockets that this node admits; 0 means any number.")
	m.quotaDegraded = o.gauge("websocket_quota_degraded",
		"1 while this node applies connection limits without the other nodes.")
	m.lifetime = o.histogram("websocket_connection_duration_seconds", "Duration of connections.",
		[]float64{1, 5, 10, 30, 60, 300, 600, 1800, 3600})
}

func (m *websocketMetrics) registerMessages(o *Observer) {
	m.sent = o.counter("websocket_messages_sent_total", "Frames written to sockets.")
	m.replayed = o.counter("websocket_replayed_messages_total", "Frames written to sockets from a user's log.")
	m.size = o.histogram("websocket_message_size_bytes", "Size of frames written to sockets.",
		prometheus.ExponentialBuckets(64, 4, 7)) // 64 B to 256 KiB
	m.delivery = o.histogram("websocket_delivery_seconds", "Time from receipt in this process to the write on the socket.",
		prometheus.ExponentialBuckets(0.0001, 4, 9)) // 0.1 ms to 6.5 s
	m.failed = newEnumCounter(
		o.counters("websocket_messages_failed_total", "Frames that were not written to a socket.", "error_type"),
		stringLabel, "", domain.InvalidUTF8, domain.MessageTooBig, domain.SlowConsumer, domain.WriteFailed)
	m.inbound = newEnumCounter(
		o.counters("websocket_inbound_messages_total", "Frames that clients sent.", "type"),
		stringLabel, string(domain.FrameIgnored), domain.FramePing, domain.FrameRefresh, domain.FrameIgnored)
}

func (m *websocketMetrics) registerSources(o *Observer) {
	m.followSeconds = o.histograms("redis_subscription_duration_seconds",
		"Time until Redis confirmed a user's subscription.",
		prometheus.ExponentialBuckets(0.0005, 3, 9), "channel_prefix") // 0.5 ms to 3.3 s
	m.subscriptions = o.gauge("redis_subscriptions", "Users with a subscription.")
	m.resubscribes = o.counter("redis_resubscribes_total", "Restored subscriptions.")
	m.notifications = newEnumCounter(
		o.counters("notification_events_total", "Records of the notification topic.", "result"),
		stringLabel, "", domain.NotificationPublished, domain.NotificationDuplicate,
		domain.NotificationDeadLetter, domain.NotificationRetried, domain.NotificationExpired)
	m.stored = newEnumCounter(
		o.counters("notifications_published_total", "Notifications that were stored and published, by type.", "notification_type"),
		stringLabel, otherLabel, domain.NotificationTypes()...)
	m.lag = o.histogram("notification_lag_seconds", "Age of a record when it was processed.",
		[]float64{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 15, 60, 300, 3600})
	m.partitionLag = o.gauges("notification_partition_lag",
		"Records of a partition assigned to this node that are not processed yet.", "partition")
	m.consumerDegraded = o.gauge("notification_consumer_degraded",
		"1 while this node cannot read notifications from Kafka or cannot publish them.")
}

func (m *websocketMetrics) registerHTTP(o *Observer) {
	m.requests = o.counters("websocket_http_requests_total",
		"HTTP requests with a response.", "method", "endpoint", "http_status")
	m.requestSeconds = o.histograms("websocket_http_request_duration_seconds",
		"Time from an HTTP request to its response.", answerBuckets(), "method", "endpoint")
	m.inProgress = o.gauge("websocket_http_requests_in_progress", "HTTP requests in progress.")
}

// count updates the metrics of a fact. The most frequent facts are tested first.
func (m *websocketMetrics) count(fact domain.Fact) {
	switch f := fact.(type) {
	case domain.MessageSent:
		m.sent.Inc()
		m.size.Observe(float64(f.Bytes))
		m.delivery.Observe(f.Latency.Seconds())
	case domain.MessageFailed:
		m.failed.inc(f.Reason)
	case domain.FrameReceived:
		m.inbound.inc(f.Type)
	case domain.NotificationHandled:
		m.notifications.inc(f.Result)
		if f.Lag > 0 {
			m.lag.Observe(f.Lag.Seconds())
		}
	case domain.TokenChecked:
		m.tokenValidation.inc(f.Result)
	default:
		m.countSocket(fact)
	}
}

func (m *websocketMetrics) countSocket(fact domain.Fact) {
	switch f := fact.(type) {
	case domain.ConnectionAccepted:
		m.of(f.Transport).accepted.Inc()
		m.of(f.Transport).active.Inc()
	case domain.ConnectionRejected:
		m.of(f.Transport).rejected.Inc()
	case domain.ConnectionEnded:
		m.of(f.Transport).ended.Inc()
		m.of(f.Transport).active.Dec()
		m.lifetime.Observe(f.Duration.Seconds())
	case domain.CloseCodeObserved:
		m.of(f.Transport).closes.inc(f.Code)
	case domain.SubscriptionConfirmed:
		m.followSeconds.WithLabelValues(f.Prefix).Observe(f.Duration.Seconds())
	case domain.SubscriptionCount:
		m.subscriptions.Set(float64(f.Count))
	case domain.MessageReplayed:
		m.sent.Inc()
		m.replayed.Inc()
		m.size.Observe(float64(f.Bytes))
	case domain.Resubscribed:
		m.resubscribes.Inc()
	case domain.NotificationStored:
		m.stored.inc(f.Type)
	case domain.ConnectionLimit:
		m.limit.Set(float64(f.Max))
	case domain.QuotaDegraded:
		m.quotaDegraded.Set(boolValue(f.Degraded))
	case domain.ConsumerDegraded:
		m.consumerDegraded.Set(boolValue(f.Degraded))
	case domain.PartitionLag:
		m.setLag(f)
	default:
		m.countRequest(fact)
	}
}

func (m *websocketMetrics) setLag(f domain.PartitionLag) {
	partition := strconv.Itoa(f.Partition)
	if f.Released {
		m.partitionLag.DeleteLabelValues(partition)
		return
	}
	m.partitionLag.WithLabelValues(partition).Set(float64(f.Records))
}

func (m *websocketMetrics) countRequest(fact domain.Fact) {
	switch f := fact.(type) {
	case domain.RequestStarted:
		m.inProgress.Inc()
	case domain.RequestServed:
		m.inProgress.Dec()
		verb, route := methodLabel(f.Method), endpointLabel(f.Endpoint)
		m.requests.WithLabelValues(verb, route, statusLabel(f.Status)).Inc()
		m.requestSeconds.WithLabelValues(verb, route).Observe(f.Duration.Seconds())
	default:
		m.process.count(fact)
	}
}
