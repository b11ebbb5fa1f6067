package telemetry_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/telemetry"
	"github.com/huleedu/edge/domain"
)

// facts returns one fact of each type, with values that are valid labels.
func facts() []domain.Fact {
	return []domain.Fact{
		domain.ServiceStarted{Version: "1.0.0", Revision: "abc"},
		domain.DependencyChanged{Name: "redis", Up: true},
		domain.KeySetFetched{At: time.Now()},
		domain.ConnectionLimit{Max: 100},
		domain.NotificationStored{Type: "pipeline_completed"},
		domain.RequestStarted{},
		domain.RequestServed{Method: "GET", Endpoint: "/v1/batches", Status: 200, Duration: time.Millisecond},
		domain.RequestFailed{Endpoint: "/v1/batches", Code: domain.Timeout},
		domain.TokenChecked{Result: domain.TokenResultSuccess},
		domain.EventPublished{Topic: domain.CommandTopic, EventType: string(domain.CommandTopic)},
		domain.PublishEnded{Duration: time.Millisecond},
		domain.ServiceCalled{Service: "result_aggregator", Method: "GET", Endpoint: "/internal/v1/batches/{batch_id}/status", Status: 200},
		domain.CircuitChanged{Service: "result_aggregator", State: domain.CircuitStateOpen},
		domain.RequestLimited{Class: domain.LimitCommands},
		domain.LimiterDegraded{Degraded: true},
		domain.ConnectionAccepted{},
		domain.ConnectionRejected{},
		domain.QuotaDegraded{Degraded: true},
		domain.ConnectionEnded{Duration: time.Minute},
		domain.CloseCodeObserved{Code: 1012},
		domain.MessageSent{Bytes: 120, Latency: time.Millisecond},
		domain.MessageReplayed{Bytes: 120},
		domain.MessageFailed{Reason: domain.SlowConsumer},
		domain.FrameReceived{Type: domain.FramePing},
		domain.SubscriptionConfirmed{Prefix: "ws", Duration: time.Millisecond},
		domain.SubscriptionCount{Count: 3},
		domain.Resubscribed{},
		domain.ConsumerDegraded{Degraded: true},
		domain.PartitionLag{Partition: 1, Records: 2},
		domain.NotificationHandled{Result: domain.NotificationPublished, Lag: time.Second},
	}
}

// The names and labels that dashboards and alerts use.
const gatewayGolden = `
gateway_api_errors_total{endpoint,error_type}
gateway_build_info{revision,version}
gateway_circuit_state{service}
gateway_dependency_up{dependency}
gateway_downstream_service_call_duration_seconds{endpoint,method,service}
gateway_downstream_service_calls_total{endpoint,method,service,status_code}
gateway_events_published_total{event_type,topic}
gateway_http_request_duration_seconds{endpoint,method}
gateway_http_requests_in_progress{}
gateway_http_requests_total{endpoint,http_status,method}
gateway_publish_duration_seconds{}
gateway_rate_limited_total{class}
gateway_rate_limiter_degraded{}
jwt_cache_hits_total{}
jwt_jwks_last_success_timestamp_seconds{}
jwt_validation_total{result}
`

const websocketGolden = `
jwt_jwks_last_success_timestamp_seconds{}
jwt_validation_total{result}
notification_consumer_degraded{}
notification_events_total{result}
notification_lag_seconds{}
notification_partition_lag{partition}
notifications_published_total{notification_type}
redis_resubscribes_total{}
redis_subscription_duration_seconds{channel_prefix}
redis_subscriptions{}
websocket_active_connections{transport}
websocket_build_info{revision,version}
websocket_closes_total{code,transport}
websocket_connection_duration_seconds{}
websocket_connections_limit{}
websocket_connections_total{status,transport}
websocket_delivery_seconds{}
websocket_dependency_up{dependency}
websocket_http_request_duration_seconds{endpoint,method}
websocket_http_requests_in_progress{}
websocket_http_requests_total{endpoint,http_status,method}
websocket_inbound_messages_total{type}
websocket_message_size_bytes{}
websocket_messages_failed_total{error_type}
websocket_messages_sent_total{}
websocket_quota_degraded{}
websocket_replayed_messages_total{}
`

func TestMetricNamesAndLabels(t *testing.T) {
	for name, c := range map[string]struct {
		observer *telemetry.Observer
		golden   string
	}{
		"gateway":   {telemetry.NewGatewayObserver(), gatewayGolden},
		"websocket": {telemetry.NewWebSocketObserver(), websocketGolden},
	} {
		t.Run(name, func(t *testing.T) {
			for _, f := range facts() {
				c.observer.Observe(f)
			}
			require.Equal(t, strings.TrimSpace(c.golden), strings.Join(families(scrape(t, c.observer)), "\n"))
		})
	}
}

func TestEveryFactIsCountedSomewhere(t *testing.T) {
	listed := map[string]bool{}
	for _, f := range facts() {
		listed[reflect.TypeOf(f).Name()] = true
		counted := false
		for _, o := range []*telemetry.Observer{telemetry.NewGatewayObserver(), telemetry.NewWebSocketObserver()} {
			before := own(scrape(t, o))
			o.Observe(f)
			counted = counted || own(scrape(t, o)) != before
		}
		require.True(t, counted, "%T changes no metric of either service", f)
	}
	declared := declaredFacts(t)
	require.NotEmpty(t, declared)
	for _, name := range declared {
		require.True(t, listed[name], "add domain.%s to the facts of this test, and its metric to a table", name)
	}
}

// declaredFacts returns the types of package domain with the method fact.
func declaredFacts(t *testing.T) []string {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), "../../domain/fact.go", nil, 0)
	require.NoError(t, err)
	var out []string
	for _, d := range f.Decls {
		if m, ok := d.(*ast.FuncDecl); ok && m.Name.Name == "fact" {
			receiver, isName := m.Recv.List[0].Type.(*ast.Ident)
			require.True(t, isName)
			out = append(out, receiver.Name)
		}
	}
	return out
}

func TestGatewayMetrics(t *testing.T) {
	o := telemetry.NewGatewayObserver()
	o.Observe(domain.RequestStarted{})
	o.Observe(domain.RequestStarted{})
	o.Observe(domain.RequestServed{Method: "GET", Endpoint: "/v1/batches/{batch_id}/status", Status: 404, Duration: 30 * time.Millisecond})
	o.Observe(domain.ServiceCalled{Service: "result_aggregator", Method: "GET", Endpoint: "/x", Duration: 2 * time.Second})
	o.Observe(domain.CircuitChanged{Service: "a", State: domain.CircuitStateClosed})
	o.Observe(domain.CircuitChanged{Service: "b", State: domain.CircuitStateHalfOpen})
	o.Observe(domain.CircuitChanged{Service: "c", State: domain.CircuitStateOpen})
	o.Observe(domain.TokenChecked{Result: domain.TokenResultSuccess, Cached: true})
	o.Observe(domain.TokenChecked{Result: domain.TokenResultSuccess})
	page := scrape(t, o)
	for _, want := range []string{
		`gateway_http_requests_in_progress 1`,
		`gateway_http_requests_total{endpoint="/v1/batches/{batch_id}/status",http_status="404",method="GET"} 1`,
		`gateway_http_request_duration_seconds_bucket{endpoint="/v1/batches/{batch_id}/status",method="GET",le="0.025"} 0`,
		`gateway_http_request_duration_seconds_bucket{endpoint="/v1/batches/{batch_id}/status",method="GET",le="0.05"} 1`,
		`gateway_downstream_service_calls_total{endpoint="/x",method="GET",service="result_aggregator",status_code="0"} 1`,
		`gateway_downstream_service_call_duration_seconds_sum{endpoint="/x",method="GET",service="result_aggregator"} 2`,
		`gateway_circuit_state{service="a"} 0`,
		`gateway_circuit_state{service="b"} 1`,
		`gateway_circuit_state{service="c"} 2`,
		`jwt_validation_total{result="success"} 2`,
		`jwt_validation_total{result="expired"} 0`,
		`jwt_cache_hits_total 1`,
	} {
		require.Contains(t, page, want+"\n")
	}
}

func TestConnectionMetrics(t *testing.T) {
	o := telemetry.NewWebSocketObserver()
	o.Observe(domain.ConnectionAccepted{})
	o.Observe(domain.ConnectionAccepted{})
	o.Observe(domain.ConnectionRejected{})
	o.Observe(domain.ConnectionEnded{Duration: 7 * time.Second})
	o.Observe(domain.CloseCodeObserved{Code: 1008})
	o.Observe(domain.SubscriptionCount{Count: 4})
	o.Observe(domain.SubscriptionCount{Count: 2})
	o.Observe(domain.QuotaDegraded{Degraded: true})
	o.Observe(domain.ConsumerDegraded{Degraded: true})
	page := scrape(t, o)
	for _, want := range []string{
		`websocket_connections_total{status="accepted",transport="websocket"} 2`,
		`websocket_connections_total{status="rejected",transport="websocket"} 1`,
		`websocket_connections_total{status="closed",transport="websocket"} 1`,
		`websocket_active_connections{transport="websocket"} 1`,
		`websocket_quota_degraded 1`,
		`notification_consumer_degraded 1`,
		`websocket_connection_duration_seconds_bucket{le="5"} 0`,
		`websocket_connection_duration_seconds_bucket{le="10"} 1`,
		`websocket_closes_total{code="1008",transport="websocket"} 1`,
		`websocket_closes_total{code="4001",transport="websocket"} 0`,
		`redis_subscriptions 2`,
	} {
		require.Contains(t, page, want+"\n")
	}
	require.Equal(t, []string{"1", "5", "10", "30", "60", "300", "600", "1800", "3600", "+Inf"},
		buckets(page, "websocket_connection_duration_seconds"))
}

// TestClosedListsOfTheContract checks that these labels have exactly the values of the contract,
// also after a fact with an unknown value, and that each fact counts for its own value.
func TestClosedListsOfTheContract(t *testing.T) {
	failed := []domain.FailureReason{domain.InvalidUTF8, domain.MessageTooBig, domain.SlowConsumer, domain.WriteFailed}
	handled := []domain.NotificationResult{
		domain.NotificationPublished, domain.NotificationDuplicate, domain.NotificationDeadLetter,
		domain.NotificationRetried, domain.NotificationExpired,
	}
	o := telemetry.NewWebSocketObserver()
	o.Observe(domain.MessageFailed{Reason: "invented"})
	o.Observe(domain.NotificationHandled{Result: "invented"})
	for i, reason := range failed {
		for range i + 1 {
			o.Observe(domain.MessageFailed{Reason: reason})
		}
	}
	for i, result := range handled {
		for range i + 1 {
			o.Observe(domain.NotificationHandled{Result: result})
		}
	}
	page := scrape(t, o)
	for i, name := range []string{"invalid_utf8", "too_large", "slow_consumer", "write_error"} {
		require.Contains(t, page, fmt.Sprintf("websocket_messages_failed_total{error_type=%q} %d\n", name, i+1))
	}
	for i, name := range []string{"published", "duplicate", "dead_letter", "retried", "expired"} {
		require.Contains(t, page, fmt.Sprintf("notification_events_total{result=%q} %d\n", name, i+1))
	}
	require.Equal(t, len(failed), strings.Count(page, "websocket_messages_failed_total{"))
	require.Equal(t, len(handled), strings.Count(page, "notification_events_total{"))
}

func TestLagOfAReleasedPartitionDisappears(t *testing.T) {
	o := telemetry.NewWebSocketObserver()
	o.Observe(domain.PartitionLag{Partition: 1, Records: 7})
	o.Observe(domain.PartitionLag{Partition: 2, Records: 8})
	o.Observe(domain.PartitionLag{Partition: 1, Released: true})
	page := scrape(t, o)
	require.NotContains(t, page, `notification_partition_lag{partition="1"}`)
	require.Contains(t, page, `notification_partition_lag{partition="2"} 8`)
}

func TestUnknownLabelsDoNotGrowTheRegistry(t *testing.T) {
	unknown := strings.Repeat("z", 100)
	for _, o := range []*telemetry.Observer{telemetry.NewGatewayObserver(), telemetry.NewWebSocketObserver()} {
		o.Observe(domain.RequestServed{Method: unknown, Status: 700})
		o.Observe(domain.RequestFailed{Code: domain.Code(unknown)})
		o.Observe(domain.TokenChecked{Result: domain.TokenResult(unknown)})
		o.Observe(domain.CloseCodeObserved{Code: 4999})
		o.Observe(domain.MessageFailed{Reason: domain.FailureReason(unknown)})
		o.Observe(domain.FrameReceived{Type: domain.FrameType(unknown)})
		o.Observe(domain.RequestLimited{Class: domain.LimitClass(unknown)})
		o.Observe(domain.NotificationHandled{Result: domain.NotificationResult(unknown)})
		page := scrape(t, o)
		require.NotContains(t, page, unknown)
		require.NotContains(t, page, `"4999"`)
		require.Contains(t, page, `endpoint="unmatched",http_status="other",method="OTHER"`)
		require.Contains(t, page, `jwt_validation_total{result="invalid"} 1`)
	}
}

func TestBothServicesFitInOneProcess(t *testing.T) {
	require.NotPanics(t, func() {
		for range 2 {
			require.Contains(t, scrape(t, telemetry.NewGatewayObserver()), "go_goroutines")
			require.Contains(t, scrape(t, telemetry.NewWebSocketObserver()), "process_resident_memory_bytes")
		}
	})
}

// scrape returns the response to Prometheus.
func scrape(t *testing.T, o *telemetry.Observer) string {
	t.Helper()
	response := httptest.NewRecorder()
	o.Handler().ServeHTTP(response, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", http.NoBody))
	require.Equal(t, http.StatusOK, response.Code)
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return string(body)
}

// own removes comments and the metrics of the Go runtime and the process.
func own(page string) string {
	var out []string
	for line := range strings.Lines(page) {
		if !regexp.MustCompile(`^(#|go_|process_|promhttp_)`).MatchString(line) {
			out = append(out, line)
		}
	}
	return strings.Join(out, "")
}

// families returns the metrics as name{label,label}, sorted.
func families(page string) []string {
	found := map[string]bool{}
	sample := regexp.MustCompile(`^([a-z_]+?)(_bucket|_sum|_count)?(?:\{(.*)\})? \S+$`)
	label := regexp.MustCompile(`([a-z_]+)="`)
	for line := range strings.Lines(own(page)) {
		m := sample.FindStringSubmatch(strings.TrimSpace(line))
		var labels []string
		for _, l := range label.FindAllStringSubmatch(m[3], -1) {
			if l[1] != "le" {
				labels = append(labels, l[1])
			}
		}
		found[m[1]+"{"+strings.Join(labels, ",")+"}"] = true
	}
	return slices.Sorted(maps.Keys(found))
}

// buckets returns the upper bounds of a histogram, in order.
func buckets(page, name string) []string {
	found := regexp.MustCompile(name+`_bucket\{le="([^"]+)"\}`).FindAllStringSubmatch(page, -1)
	out := make([]string, 0, len(found))
	for _, m := range found {
		out = append(out, m[1])
	}
	return out
}

func BenchmarkObserve(b *testing.B) {
	for name, c := range map[string]struct {
		observer *telemetry.Observer
		fact     domain.Fact
	}{
		"message sent":   {telemetry.NewWebSocketObserver(), domain.MessageSent{Bytes: 200, Latency: time.Millisecond}},
		"frame received": {telemetry.NewWebSocketObserver(), domain.FrameReceived{Type: domain.FramePing}},
		"request served": {telemetry.NewGatewayObserver(), domain.RequestServed{Method: "GET", Endpoint: "/v1/batches", Status: 200}},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c.observer.Observe(c.fact)
			}
		})
	}
}
