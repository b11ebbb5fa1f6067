package e2e_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/test/world"
)

// TestCircuitOpensForOneService checks that the gateway stops calling a failed aggregator and calls it again
// after its recovery, while class management is not affected.
func TestCircuitOpensForOneService(t *testing.T) {
	t.Parallel()
	s := newEnvironment(t, embedded(t))
	vars := s.openSettings()
	vars["API_GATEWAY_HTTP_CIRCUIT_BREAKER_FAILURE_THRESHOLD"] = "5"
	vars["API_GATEWAY_HTTP_CIRCUIT_BREAKER_RECOVERY_TIMEOUT"] = "1"
	gateway := s.gateway(t, vars)
	teacher, batch := s.batch(2)
	look := func() response { return call(t, "GET", gateway.http(statusPath(batch)), "", as(teacher)) }
	classes := func() int { return call(t, "GET", gateway.http("/v1/classes"), "", as(teacher)).status }
	require.Equal(t, 200, look().status)

	s.platform.FailAggregator(world.Disconnect)
	for range 5 {
		a := look()
		require.Equal(t, map[string]any{"target": "result_aggregator"}, a.failure(t, 503, "CONNECTION_ERROR").Details)
		require.Equal(t, 200, classes())
	}
	a := look()
	require.Equal(t, map[string]any{"circuit_name": "result_aggregator"}, a.failure(t, 503, "CIRCUIT_BREAKER_OPEN").Details)
	require.Equal(t, "1", a.header.Get("Retry-After"))
	require.Equal(t, 200, classes())
	health := call(t, "GET", gateway.http("/healthz"), "", nil)
	require.Contains(t, string(health.body), "Circuit open: result_aggregator")
	metrics := call(t, "GET", gateway.http("/metrics"), "", nil)
	require.Regexp(t, `gateway_circuit_state\{service="result_aggregator"\} [12]\n`, string(metrics.body))
	require.Contains(t, string(metrics.body), `gateway_circuit_state{service="class_management"} 0`+"\n")

	s.platform.FailAggregator(world.NoFailure)
	good := 0
	require.Eventually(t, func() bool {
		if look().status == 200 {
			good++
		}
		return good == 2
	}, 10*time.Second, 50*time.Millisecond)
	metrics = call(t, "GET", gateway.http("/metrics"), "", nil)
	require.Contains(t, string(metrics.body), `gateway_circuit_state{service="result_aggregator"} 0`+"\n")
}
