package telemetry

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/huleedu/edge/domain"
)

// connectionMetrics are the metrics of the clients' connections of one transport: WebSocket or
// server-sent events.
type connectionMetrics struct {
	accepted, rejected, ended prometheus.Counter
	active                    prometheus.Gauge
	closes                    enumCounter[int]
}

// newConnectionMetrics registers the metrics of both transports.
func newConnectionMetrics(o *Observer) (sockets, streams connectionMetrics) {
	connections := o.counters("websocket_connections_total", "Connections by event.", "status", "transport")
	active := o.gauges("websocket_active_connections", "Open connections.", "transport")
	closes := o.counters("websocket_closes_total", "Close codes sent or received, including rejected handshakes.", "code", "transport")
	of := func(t domain.Transport) connectionMetrics {
		label := prometheus.Labels{"transport": string(t)}
		events := connections.MustCurryWith(label)
		return connectionMetrics{
			accepted: events.WithLabelValues("accepted"), rejected: events.WithLabelValues("rejected"), ended: events.WithLabelValues("closed"),
			active: active.With(label),
			closes: newEnumCounter(closes.MustCurryWith(label), strconv.Itoa, otherLabel, closeCodes()...),
		}
	}
	return of(domain.TransportWebSocket), of(domain.TransportSSE)
}

// of returns the metrics of a transport.
func (m *websocketMetrics) of(t domain.Transport) *connectionMetrics {
	if t == domain.TransportSSE {
		return &m.streams
	}
	return &m.sockets
}

// closeCodes lists the codes of the wire contract and of RFC 6455 section 7.4.1. Other
// codes are counted as "other", because a client can send any number.
func closeCodes() []int {
	return []int{
		1000, 1001, 1002, 1003, 1005, 1006, 1007, 1008, 1009, 1010, 1011, 1012, 1013,
		4000, 4001, 4002, 4003,
	}
}
