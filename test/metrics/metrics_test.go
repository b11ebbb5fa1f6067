package metrics_test

import (
	"flag"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/telemetry"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/metrics"
)

// allFacts returns facts of every kind, with every value of each closed list, and with
// unknown values where a client can send any.
func allFacts() []domain.Fact {
	facts := []domain.Fact{
		domain.ServiceStarted{Version: "1.0.0", Revision: "abc"},
		domain.DependencyChanged{Name: "redis"},
		domain.KeySetFetched{At: time.Now()},
		domain.ConnectionLimit{Max: 100},
		domain.NotificationStored{Type: "invented"},
		domain.RequestStarted{},
		domain.RequestServed{Method: "GET", Endpoint: "/v1/batches/{batch_id}/status", Status: 200, Duration: time.Second},
		domain.RequestServed{Method: "BREW", Endpoint: "", Status: 999, Duration: time.Second},
		domain.RequestFailed{Endpoint: "", Code: "INVENTED"},
		domain.TokenChecked{Result: domain.TokenResultSuccess, Cached: true},
		domain.TokenChecked{Result: "invented"},
		domain.EventPublished{Topic: domain.CommandTopic, EventType: string(domain.CommandTopic)},
		domain.PublishEnded{Duration: time.Millisecond},
		domain.ServiceCalled{Service: "result_aggregator", Method: "GET", Endpoint: "/x/{id}", Duration: time.Second},
		domain.CircuitChanged{Service: "result_aggregator", State: domain.CircuitStateOpen},
		domain.RequestLimited{Class: "invented"},
		domain.LimiterDegraded{Degraded: true},
		domain.QuotaDegraded{Degraded: true},
		domain.ConnectionAccepted{},
		domain.ConnectionRejected{},
		domain.ConnectionEnded{Duration: time.Hour},
		domain.MessageSent{Bytes: 10, Latency: time.Millisecond},
		domain.MessageReplayed{Bytes: 10},
		domain.MessageFailed{Reason: "invented"},
		domain.FrameReceived{Type: "invented"},
		domain.SubscriptionConfirmed{Prefix: "ws:", Duration: time.Millisecond},
		domain.SubscriptionCount{Count: 1},
		domain.Resubscribed{},
		domain.ConsumerDegraded{Degraded: true},
		domain.PartitionLag{Partition: 1, Records: 2},
		domain.NotificationHandled{Result: "invented", Lag: time.Second},
	}
	for _, code := range domain.Codes() {
		facts = append(facts, domain.RequestFailed{Endpoint: "/v1/batches", Code: code})
	}
	for code := range 5000 {
		facts = append(facts, domain.CloseCodeObserved{Code: code})
	}
	return facts
}

// scrape returns the metrics of a service after all facts.
func scrape(t *testing.T, o *telemetry.Observer) metrics.Page {
	t.Helper()
	for _, fact := range allFacts() {
		o.Observe(fact)
	}
	w := httptest.NewRecorder()
	o.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/metrics", nil))
	page, err := metrics.Parse(w.Body)
	require.NoError(t, err)
	return page
}

// services returns the metrics of both services by job name.
func services(t *testing.T) map[string]metrics.Page {
	t.Helper()
	return map[string]metrics.Page{
		"gateway": scrape(t, telemetry.NewGatewayObserver()), "websocket": scrape(t, telemetry.NewWebSocketObserver()),
	}
}

// formatFamily formats a metric: name, type and labels with their values.
func formatFamily(f *dto.MetricFamily) string {
	values := map[string][]string{}
	for _, m := range f.Metric {
		for _, l := range m.Label {
			values[l.GetName()] = append(values[l.GetName()], l.GetValue())
		}
	}
	var labels []string
	for name, all := range values {
		slices.Sort(all)
		labels = append(labels, name+"=["+strings.Join(slices.Compact(all), " ")+"]")
	}
	slices.Sort(labels)
	return strings.TrimSpace(f.GetName() + " " + strings.ToLower(f.GetType().String()) + " " + strings.Join(labels, " "))
}

// TestMetricsAreThoseOfTheContract compares names, labels and bounded values with
// testdata/metrics.golden; "go test ./test/metrics -update" overwrites the file. Metrics
// of the Go runtime and the process are not compared.
func TestMetricsAreThoseOfTheContract(t *testing.T) {
	var b strings.Builder
	for _, job := range []string{"gateway", "websocket"} {
		b.WriteString("# " + job + "\n")
		var lines []string
		for name, f := range services(t)[job] {
			if !strings.HasPrefix(name, "go_") && !strings.HasPrefix(name, "process_") {
				lines = append(lines, formatFamily(f))
			}
		}
		slices.Sort(lines)
		b.WriteString(strings.Join(lines, "\n") + "\n")
	}
	const golden = "testdata/metrics.golden"
	if f := flag.Lookup("update"); f.Value.String() == "true" {
		require.NoError(t, os.WriteFile(golden, []byte(b.String()), 0o600))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), b.String())
}
