package e2e_test

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/test/metrics"
)

// pages are the metrics by job. The metrics of several nodes of a service are summed, as in Prometheus.
type pages map[string][]metrics.Page

// add reads the metrics of one more node.
func (p pages) add(t *testing.T, job, url string) {
	t.Helper()
	p[job] = append(p[job], pageAt(t, url))
}

// pageAt reads the metrics of a node.
func pageAt(t *testing.T, url string) metrics.Page {
	t.Helper()
	page, err := metrics.Fetch(t.Context(), url)
	require.NoError(t, err)
	return page
}

// shapes returns a job's metrics as "name{labels} type", without those of Go and the process.
func (p pages) shapes(job string) []string {
	found := map[string]bool{}
	for _, families := range p[job] {
		for name, f := range families {
			if strings.HasPrefix(name, "go_") || strings.HasPrefix(name, "process_") {
				continue
			}
			for _, m := range f.Metric {
				var labels []string
				for _, l := range m.Label {
					labels = append(labels, l.GetName())
				}
				found[shape(name, labels)+" "+strings.ToLower(f.GetType().String())] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(found))
}

func shape(name string, labels []string) string {
	slices.Sort(labels)
	return name + "{" + strings.Join(labels, ",") + "}"
}

// matchGolden requires exactly the metrics of the golden list, with their labels and types.
func (p pages) matchGolden(t *testing.T) {
	t.Helper()
	raw, err := os.ReadFile("../metrics/testdata/metrics.golden")
	require.NoError(t, err)
	want, job := map[string][]string{}, ""
	label := regexp.MustCompile(` (\w+)=\[`)
	for line := range strings.Lines(string(raw)) {
		if name, heading := strings.CutPrefix(line, "# "); heading {
			job = strings.TrimSpace(name)
			continue
		}
		words := strings.Fields(line)
		var labels []string
		for _, found := range label.FindAllStringSubmatch(line, -1) {
			labels = append(labels, found[1])
		}
		want[job] = append(want[job], shape(words[0], labels)+" "+words[1])
	}
	require.Len(t, want, 2)
	for job, lines := range want {
		if job == "websocket" {
			lines = slices.DeleteFunc(lines, func(line string) bool { return line == keySetMetric })
		}
		slices.Sort(lines)
		require.Equal(t, lines, p.shapes(job), "%s: left the golden list, right the pages", job)
	}
}

// keySetMetric exists only in services with a key set; of the scenario, one gateway has one.
const keySetMetric = "jwt_jwks_last_success_timestamp_seconds{} gauge"

// contractMetrics returns the metrics of the contract by job: sections 3.11 and 2.10.
func contractMetrics() map[string]string {
	return map[string]string{
		"gateway": `
gateway_http_requests_total{method,endpoint,http_status} counter
gateway_http_request_duration_seconds{method,endpoint} histogram
gateway_http_requests_in_progress{} gauge
gateway_events_published_total{topic,event_type} counter
gateway_publish_duration_seconds{} histogram
gateway_downstream_service_calls_total{service,method,endpoint,status_code} counter
gateway_downstream_service_call_duration_seconds{service,method,endpoint} histogram
gateway_api_errors_total{endpoint,error_type} counter
gateway_rate_limited_total{class} counter
gateway_rate_limiter_degraded{} gauge
gateway_circuit_state{service} gauge
gateway_dependency_up{dependency} gauge
jwt_jwks_last_success_timestamp_seconds{} gauge
gateway_build_info{version,revision} gauge
jwt_validation_total{result} counter
jwt_cache_hits_total{} counter`,
		"websocket": `
websocket_connections_total{status,transport} counter
websocket_active_connections{transport} gauge
websocket_connections_limit{} gauge
websocket_dependency_up{dependency} gauge
websocket_build_info{version,revision} gauge
notifications_published_total{notification_type} counter
websocket_connection_duration_seconds{} histogram
websocket_closes_total{code,transport} counter
websocket_messages_sent_total{} counter
websocket_messages_failed_total{error_type} counter
websocket_message_size_bytes{} histogram
websocket_delivery_seconds{} histogram
websocket_inbound_messages_total{type} counter
websocket_replayed_messages_total{} counter
jwt_validation_total{result} counter
redis_subscription_duration_seconds{channel_prefix} histogram
redis_subscriptions{} gauge
redis_resubscribes_total{} counter
notification_events_total{result} counter
notification_lag_seconds{} histogram
websocket_http_requests_total{method,endpoint,http_status} counter
websocket_http_request_duration_seconds{method,endpoint} histogram
websocket_http_requests_in_progress{} gauge`,
	}
}

// additionalMetrics returns the metrics that the contract's tables do not name; section 2.7 requires the
// consumer's without a name.
func additionalMetrics() []string {
	return []string{"notification_consumer_degraded{} gauge", "websocket_quota_degraded{} gauge"}
}

// matchContract requires all metrics of the contract with their labels, and no others except the additional
// ones.
func (p pages) matchContract(t *testing.T) {
	t.Helper()
	for job, table := range contractMetrics() {
		var want []string
		for line := range strings.Lines(strings.TrimSpace(table)) {
			name, rest, _ := strings.Cut(strings.TrimSpace(line), "{")
			labels, kind, _ := strings.Cut(rest, "} ")
			want = append(want, shape(name, strings.FieldsFunc(labels, func(r rune) bool { return r == ',' }))+" "+kind)
		}
		slices.Sort(want)
		got := slices.DeleteFunc(p.shapes(job), func(s string) bool { return slices.Contains(additionalMetrics(), s) })
		require.Equal(t, want, got, "%s: left the contract, right the pages", job)
	}
}

// requireNoIDs requires that no label contains the id of a user, batch or request.
func (p pages) requireNoIDs(t *testing.T) {
	t.Helper()
	id := regexp.MustCompile(`(?i)[0-9a-f]{8}-[0-9a-f]{4}|teacher-|batch-|stranger|nonsense|evil`)
	for job, all := range p {
		for _, families := range all {
			for name, f := range families {
				for _, m := range f.Metric {
					for _, l := range m.Label {
						require.NotRegexp(t, id, l.GetValue(), "%s: label %s of %s", job, l.GetName(), name)
					}
				}
			}
		}
	}
}

// requireCounted requires that each value of the label was counted.
func (p pages) requireCounted(t *testing.T, job, name, label string, values ...string) {
	t.Helper()
	for _, value := range values {
		sum := 0.0
		for _, families := range p[job] {
			sum += families.Sum(name, label)[value]
		}
		require.Positive(t, sum, "%s{%s=%q}", name, label, value)
	}
}
