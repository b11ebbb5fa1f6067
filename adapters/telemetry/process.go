package telemetry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/huleedu/edge/domain"
)

// processMetrics are the metrics of a process that both services have.
type processMetrics struct {
	build      *prometheus.GaugeVec
	dependency *prometheus.GaugeVec
	keySet     *prometheus.GaugeVec
}

// newProcessMetrics registers the metrics, with the service's prefix in their names.
func newProcessMetrics(o *Observer, prefix string) processMetrics {
	return processMetrics{
		build: o.gauges(prefix+"_build_info", "Always 1; the labels identify the build.", "version", "revision"),
		dependency: o.gauges(prefix+"_dependency_up",
			"1 while a dependency works for this process, 0 while it is down.", "dependency"),
		// A vector without labels has no series until a key set is configured.
		keySet: o.gauges("jwt_jwks_last_success_timestamp_seconds",
			"Unix time of the last successful fetch of the key set; 0 before the first one."),
	}
}

// count updates the metrics of a fact that both services report.
func (m processMetrics) count(fact domain.Fact) {
	switch f := fact.(type) {
	case domain.ServiceStarted:
		m.build.WithLabelValues(f.Version, f.Revision).Set(1)
	case domain.DependencyChanged:
		m.dependency.WithLabelValues(f.Name).Set(boolValue(f.Up))
	case domain.KeySetFetched:
		m.keySet.WithLabelValues().Set(unixSeconds(f.At))
	}
}

// unixSeconds returns a time as seconds since 1970; the zero time is 0.
func unixSeconds(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1000
}
