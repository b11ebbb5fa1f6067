package httpserver_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/httpserver"
	"github.com/huleedu/edge/app"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

func TestGatewayHealth(t *testing.T) {
	t.Parallel()
	good := probe{Name: "result_aggregator", Condition: domain.Healthy}
	bad := probe{Name: "kafka", Condition: domain.Unhealthy, Err: assert.AnError}
	degraded := probe{Name: "batch_orchestrator", Condition: domain.Degraded, Note: "Circuit open"}
	for name, c := range map[string]struct {
		redis      ports.HealthProbe
		downstream []ports.HealthProbe
		want       string
	}{
		"healthy": {
			nil,
			[]ports.HealthProbe{good},
			`{"service":"api_gateway_service","status":"healthy","message":"API Gateway Service is healthy","version":"1.0.0",` +
				`"checks":{"service_responsive":true,"dependencies_available":true},"dependencies":{"redis":{"status":"healthy","note":"not used"},` +
				`"downstream_services":{"status":"healthy","note":"all reachable"}},"environment":"testing"}`,
		},
		"unhealthy": {
			probe{Name: "redis", Condition: domain.Unhealthy, Note: "no connection"},
			[]ports.HealthProbe{good, bad, degraded},
			`{"service":"api_gateway_service","status":"degraded","message":"API Gateway Service is degraded","version":"1.0.0",` +
				`"checks":{"service_responsive":true,"dependencies_available":false},"dependencies":{"redis":{"status":"unhealthy","note":"no connection"},` +
				`"downstream_services":{"status":"unhealthy","note":"in trouble: kafka, batch_orchestrator (Circuit open)"}},"environment":"testing"}`,
		},
		"degraded": {
			probe{Name: "redis", Condition: domain.Healthy, Note: "connected"},
			[]ports.HealthProbe{degraded},
			`{"service":"api_gateway_service","status":"degraded","message":"API Gateway Service is degraded","version":"1.0.0",` +
				`"checks":{"service_responsive":true,"dependencies_available":false},"dependencies":{"redis":{"status":"healthy","note":"connected"},` +
				`"downstream_services":{"status":"degraded","note":"in trouble: batch_orchestrator (Circuit open)"}},"environment":"testing"}`,
		},
	} {
		w := newEnvironment(t, with(func(p *httpserver.GatewayParts) { p.Redis, p.Downstream = c.redis, c.downstream }))
		r := call(t, http.MethodGet, w.base+"/healthz", "")
		require.Equal(t, 200, r.StatusCode, "liveness is always 200")
		requireCommonHeaders(t, r)
		assert.Equal(t, c.want, r.body, name)
	}
}

func TestGatewayReadiness(t *testing.T) {
	t.Parallel()
	unhealthy := probe{Name: "kafka", Condition: domain.Unhealthy, Note: "no broker", Err: assert.AnError}
	w := newEnvironment(t, func(w *environment, p *httpserver.GatewayParts) {
		w.ready = app.NewReadiness(nil, []ports.HealthProbe{unhealthy})
		p.Readiness = w.ready
	})
	r := call(t, http.MethodGet, w.base+"/readyz", "")
	assert.Equal(t, "starting", requireError(t, r, 503, domain.ServiceUnavailable).Details["phase"])
	w.ready.Enter(app.Serving)
	r = call(t, http.MethodGet, w.base+"/readyz", "")
	require.Equal(t, 200, r.StatusCode, "a shared dependency does not make a node unready")
	assert.Equal(t, `{"service":"api_gateway_service","status":"degraded","dependencies":{"kafka":{"status":"unhealthy","note":"no broker"}}}`, r.body)
	w.ready.Enter(app.Draining)
	r = call(t, http.MethodGet, w.base+"/readyz", "")
	f := requireError(t, r, 503, "SERVICE_UNAVAILABLE")
	assert.Equal(t, "Service is draining", f.Message)
	assert.Equal(t, "1", r.Header.Get("Retry-After"))
	assert.NotContains(t, r.body, assert.AnError.Error())

	w = newEnvironment(t)
	r = call(t, http.MethodGet, w.base+"/readyz", "")
	assert.Equal(t, `{"service":"api_gateway_service","status":"ready","dependencies":{"kafka":{"status":"healthy","note":"connected"}}}`, r.body)
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	w := newEnvironment(t)
	r := call(t, http.MethodGet, w.base+"/metrics", "")
	assert.Equal(t, "up 1\n", r.body)
	requireCommonHeaders(t, r)
	require.Eventually(t, func() bool { return len(w.served()) == 1 }, tick*1000, tick)
	assert.Equal(t, []domain.RequestServed{{Method: "GET", Endpoint: "/metrics", Status: 200}}, w.served())
}
