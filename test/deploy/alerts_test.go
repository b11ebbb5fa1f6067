package deploy_test

import (
	"fmt"
	"log/slog"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/promqltest"
	engine "github.com/prometheus/prometheus/rules"
	"github.com/prometheus/prometheus/util/teststorage"
	"github.com/stretchr/testify/require"
)

// alertSeries holds two sets of series of 90 minutes, one sample per minute, in the notation of
// Prometheus' own tests: the alert must fire on the first and must not fire on the second.
type alertSeries struct{ fires, silent string }

// alertCases returns the series for each alert. The silent series are close to those that fire. An alert with
// several causes has one case for each, with the cause after a slash.
func alertCases() map[string]alertSeries {
	const (
		requests = "gateway_http_requests_total{http_status="
		quiet    = `notification_events_total{result="retried"} 0x90` + "\n" + `notification_events_total{result="published"} 50x90`
	)
	return map[string]alertSeries{
		"GatewayDown":   {`up{job="gateway"} 1x60 0x30`, `up{job="gateway",instance="a"} 1x90` + "\n" + `up{job="gateway",instance="b"} 0x90`},
		"WebSocketDown": {`up{job="websocket"} 1x60 _x30`, `up{job="websocket"} 1x88 0`},
		"NodeNotReady": {
			`websocket_dependency_up{instance="a",dependency="subscription"} 1x80 0x10`,
			`websocket_dependency_up{instance="a",dependency="subscription"} 1x80 0 1x9` + "\n" + `websocket_dependency_up{instance="a",dependency="kafka"} 0x90`,
		},
		"ServiceRestarts": {
			`process_start_time_seconds{job="gateway",instance="a"} 1x70 2x5 3x5 4x10`,
			`process_start_time_seconds{job="gateway",instance="a"} 1x70 2x20` + "\n" + `process_start_time_seconds{job="redis",instance="b"} 0+1x90`,
		},
		"DependencyDown": {
			`gateway_dependency_up{job="gateway",dependency="kafka"} 1x80 0x10`,
			`gateway_dependency_up{job="gateway",dependency="kafka"} 1x80 0 1x9` + "\n" + `websocket_dependency_up{job="websocket",dependency="subscription"} 0x90`,
		},
		"TokenKeysMissing": {`jwt_jwks_last_success_timestamp_seconds{job="gateway"} 0x90`, `jwt_jwks_last_success_timestamp_seconds{job="gateway"} 1x90`},
		"TokenKeysStale": {
			`jwt_jwks_last_success_timestamp_seconds{job="gateway"} 60x90`,
			`jwt_jwks_last_success_timestamp_seconds{job="gateway"} 60+60x90` + "\n" + `jwt_jwks_last_success_timestamp_seconds{job="websocket"} 0x90`,
		},
		"GatewayErrorBurn": {
			requests + `"200"} 0+980x90` + "\n" + requests + `"503"} 0+20x90`,
			requests + `"200"} 0+980x90` + "\n" + requests + `"503"} 0x86 0+20x3` + "\n" + requests + `"404"} 0+500x90`,
		},
		"GatewaySlow": {
			latency("/v1/batches", "5"), latency("/v1/files/batch", "5") + "\n" + latency("/v1/batches", "0.5"),
		},
		"CircuitOpen":         {`gateway_circuit_state{service="file_service"} 0x80 2x10`, `gateway_circuit_state{service="file_service"} 0x80 2 1 0x8`},
		"RateLimiterDegraded": {`gateway_rate_limiter_degraded 0x80 1x10`, `gateway_rate_limiter_degraded 0x80 1x3 0x7`},
		"PublishFailing": {
			`gateway_api_errors_total{error_type="KAFKA_PUBLISH_ERROR"} 0x60 0+3x30`,
			`gateway_api_errors_total{error_type="KAFKA_PUBLISH_ERROR"} 0x80 1x10` + "\n" + `gateway_api_errors_total{error_type="RATE_LIMIT"} 0+90x90`,
		},
		"PublishMisconfigured": {
			`gateway_api_errors_total{error_type="CONFIGURATION_ERROR"} 0x85 1x5`,
			`gateway_api_errors_total{error_type="CONFIGURATION_ERROR"} 3x90` + "\n" + `gateway_api_errors_total{error_type="RATE_LIMIT"} 0+9x90`,
		},
		"PublishMisconfigured/FirstError": {
			`gateway_api_errors_total{error_type="CONFIGURATION_ERROR"} _x85 1x5`,
			`gateway_api_errors_total{error_type="RATE_LIMIT"} _x85 1x5`,
		},
		"TokensRefused": {tokens(60, 120), tokens(600, 120) + "\n" + `jwt_validation_total{job="gateway",result="expired"} 0+9000x90`},
		"SubscriptionsBreak": {
			`redis_resubscribes_total{instance="a"} 0x80 0+1x10`, `redis_resubscribes_total{instance="a"} 0x80 4x10`,
		},
		"NotificationLag": {lag("60"), lag("0.25")},
		"NotificationsDeadLettered": {
			`notification_events_total{result="dead_letter"} 0x85 1x5`, `notification_events_total{result="dead_letter"} 7x90`,
		},
		"NotificationsStalled": {
			`notification_events_total{result="retried"} 0+2x90` + "\n" + `notification_events_total{result="published"} 50x90`,
			`notification_events_total{result="retried"} 0+2x90` + "\n" + `notification_events_total{result="published"} 0+1x90`,
		},
		"NotificationsStalled/KafkaAway":    {degraded("0x80 1x10", "1x90") + quiet, degraded("0x90", "1x90") + quiet},
		"NotificationsStalled/KafkaReturns": {degraded("1x90", "1x90") + quiet, degraded("0x80 1x3 0x7", "1x90") + quiet},
		"SlowConsumers": {
			`websocket_closes_total{code="4001"} 0+20x90` + "\n" + `websocket_active_connections 1000x90`,
			`websocket_closes_total{code="4001"} 0+2x90` + "\n" + `websocket_active_connections 10000x90`,
		},
		"ConnectionsNearCapacity": {
			files("gateway", 900), files("gateway", 700) + "\n" + files("postgres", 900),
		},
		"QuotaDegraded": {`websocket_quota_degraded 0x80 1x10`, `websocket_quota_degraded 0x80 1x3 0x7`},
		"DrainStuck": {
			`websocket_closes_total{code="1012",instance="a"} 0x80 0+5x10`,
			`websocket_closes_total{code="1012",instance="a"} 0x80 5000x10`,
		},
	}
}

// files returns the series of an instance of the job that has opened as many of its 1000 descriptors.
func files(job string, opened int) string {
	target := fmt.Sprintf(`{job=%q,instance="a"}`, job)
	return fmt.Sprintf("process_open_fds%s %dx90\nprocess_max_fds%s 1000x90", target, opened, target)
}

// latency returns the series of 100 requests per minute whose latency is in the bucket le or above it.
func latency(endpoint, le string) string {
	name := `gateway_http_request_duration_seconds_bucket{endpoint="` + endpoint + `",le="`
	return name + `0.1"} 0x90` + "\n" + name + le + `"} 0+100x90` + "\n" + name + `+Inf"} 0+100x90` + "\n" +
		`gateway_http_requests_total{endpoint="` + endpoint + `",http_status="200"} 0+100x90`
}

// lag returns the series of 10 notifications per minute whose lag is in the bucket le or above it.
func lag(le string) string {
	const name = `notification_lag_seconds_bucket{le="`
	return name + `0.1"} 0x90` + "\n" + name + le + `"} 0+10x90` + "\n" + name + `+Inf"} 0+10x90`
}

// degraded returns the series of the consumers of two nodes.
func degraded(a, b string) string {
	const name = `notification_consumer_degraded{instance="`
	return name + `a"} ` + a + "\n" + name + `b"} ` + b + "\n"
}

// tokens returns the series of valid and invalid tokens per minute.
func tokens(good, bad int) string {
	const name = `jwt_validation_total{job="gateway",result="`
	return fmt.Sprintf(name+`success"} 0+%dx90`+"\n"+name+`invalid"} 0+%dx90`, good, bad)
}

func TestEveryAlertFiresAndStaysSilent(t *testing.T) {
	known := map[string]rulefmt.Rule{}
	for _, r := range rules(t, "alerts.yml") {
		known[r.Alert] = r
		require.Contains(t, alertCases(), r.Alert)
	}
	for name, s := range alertCases() {
		t.Run(name, func(t *testing.T) {
			alert, _, _ := strings.Cut(name, "/")
			r, found := known[alert]
			require.True(t, found, "the alert does not exist")
			require.True(t, fires(t, r, s.fires), "the alert does not fire")
			require.False(t, fires(t, r, s.silent), "the alert fires")
			require.False(t, fires(t, r, `up{job="gateway"} 1x90`+"\n"+`up{job="websocket"} 1x90`), "the alert fires without a cause")
		})
	}
}

// TestAlertsTellReleasesApart checks that an alert fires for the namespace that has the fault and
// for no other, while a healthy release runs in another namespace.
func TestAlertsTellReleasesApart(t *testing.T) {
	cases := alertCases()
	for _, r := range rules(t, "alerts.yml") {
		s := cases[r.Alert]
		found := firing(t, r, inNamespace("broken", s.fires)+"\n"+inNamespace("healthy", s.silent))
		require.NotEmpty(t, found, "%s does not fire", r.Alert)
		for _, alert := range found {
			require.Equal(t, "broken", alert.Get("namespace"), "%s: %s", r.Alert, alert)
		}
		found = firing(t, r, inNamespace("one", s.fires)+"\n"+inNamespace("two", s.fires))
		var names []string
		for _, alert := range found {
			names = append(names, alert.Get("namespace"))
		}
		require.Subset(t, names, []string{"one", "two"}, r.Alert)
	}
}

// inNamespace returns the series with the label of a namespace.
func inNamespace(name, series string) string {
	series = regexp.MustCompile(`(?m)^(\w+) `).ReplaceAllString(series, "$1{} ")
	series = regexp.MustCompile(`(?m)^(\w+)\{`).ReplaceAllString(series, `$1{namespace="`+name+`",`)
	return strings.ReplaceAll(series, ",}", "}")
}

// fires reports whether the alert fires in any of the last 30 minutes of the series.
func fires(t *testing.T, r rulefmt.Rule, series string) bool {
	t.Helper()
	return len(firing(t, r, series)) > 0
}

// firing evaluates the recording rules and the alert for each of the last 30 minutes of the series. It returns the labels of the
// alerts that fire in the first minute in which one does; nil if none fires.
func firing(t *testing.T, r rulefmt.Rule, series string) (out []labels.Labels) {
	t.Helper()
	storage := promqltest.LoadedStorage(t, "load 1m\n"+indented(series))
	defer func() { _ = storage.Close() }()
	queries := engine.EngineQueryFunc(promqltest.NewTestEngine(t, false, 0, 1_000_000), storage)
	parsed, err := promQL().ParseExpr(r.Expr)
	require.NoError(t, err)
	alert := engine.NewAlertingRule(r.Alert, parsed, time.Duration(r.For), 0, labels.FromMap(r.Labels),
		labels.EmptyLabels(), labels.EmptyLabels(), "", true, slog.New(slog.DiscardHandler))
	recorded := recordings(t)
	for minute := int64(60); minute <= 90 && alert.State() != engine.StateFiring; minute++ {
		now := time.Unix(minute*60, 0)
		record(t, storage, recorded, queries, now)
		_, err := alert.Eval(t.Context(), 0, now, queries, &url.URL{}, 0)
		require.NoError(t, err)
		alert.SetEvaluationTimestamp(now)
	}
	for _, active := range alert.ActiveAlerts() {
		if active.State == engine.StateFiring {
			out = append(out, active.Labels)
		}
	}
	return out
}

// recordings returns the recording rules.
func recordings(t *testing.T) (out []*engine.RecordingRule) {
	t.Helper()
	for _, r := range rules(t, "recording.yml") {
		parsed, err := promQL().ParseExpr(r.Expr)
		require.NoError(t, err)
		out = append(out, engine.NewRecordingRule(r.Record, parsed, labels.EmptyLabels()))
	}
	return out
}

// record evaluates the recording rules and stores their results.
func record(t *testing.T, storage *teststorage.TestStorage, recorded []*engine.RecordingRule, queries engine.QueryFunc, now time.Time) {
	t.Helper()
	to := storage.Appender(t.Context())
	for _, r := range recorded {
		found, err := r.Eval(t.Context(), 0, now, queries, nil, 0)
		require.NoError(t, err)
		for _, sample := range found {
			_, err := to.Append(0, sample.Metric, sample.T, sample.F)
			require.NoError(t, err)
		}
	}
	require.NoError(t, to.Commit())
}

func indented(series string) string { return "  " + strings.ReplaceAll(series, "\n", "\n  ") + "\n" }
