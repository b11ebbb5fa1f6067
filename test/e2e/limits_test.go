package e2e_test

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestGatewaysShareRateLimits checks that several gateways allow exactly the limit in a window.
func TestGatewaysShareRateLimits(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, b backing) {
		s := newEnvironment(t, b)
		// Long enough on a busy machine.
		vars := s.settings(map[string]string{"API_GATEWAY_RATE_LIMIT_QUERIES": "30", "API_GATEWAY_RATE_LIMIT_TIMEOUT": "10"})
		gateways := []service{s.gateway(t, vars), s.gateway(t, vars), s.gateway(t, vars)}
		user := "teacher-" + uuid.NewString()
		var good, refused, other atomic.Int64
		var group sync.WaitGroup
		for n := range 60 {
			group.Go(func() {
				a, err := tryCall(t, "GET", gateways[n%3].http("/v1/batches"), "", as(user))
				switch {
				case err == nil && a.status == 200:
					good.Add(1)
				case err == nil && a.status == 429:
					refused.Add(1)
				default:
					other.Add(1)
				}
			})
		}
		group.Wait()
		require.EqualValues(t, 30, good.Load())
		require.EqualValues(t, 30, refused.Load())
		require.Zero(t, other.Load())
		a := call(t, "GET", gateways[0].http("/v1/batches"), "", as(user))
		f := a.failure(t, 429, "RATE_LIMIT")
		assert.Equal(t, map[string]any{"limit": 30.0, "window_seconds": 60.0}, f.Details)
		assert.Equal(t, "0", a.header.Get("RateLimit-Remaining"))
		assert.Equal(t, a.header.Get("RateLimit-Reset"), a.header.Get("Retry-After"))
		assert.Equal(t, 200, call(t, "GET", gateways[0].http("/v1/batches"), "", as("teacher-"+uuid.NewString())).status)
		page := string(call(t, "GET", gateways[0].http("/metrics"), "", nil).body)
		assert.Contains(t, page, `gateway_rate_limited_total{class="queries"} `)
		assert.Contains(t, page, "gateway_rate_limiter_degraded 0\n")
	})
}

// TestRateLimitsWithoutRedis checks that during an outage of Redis requests succeed, each gateway applies the
// limit, and the metric reports it.
func TestRateLimitsWithoutRedis(t *testing.T) {
	t.Parallel()
	onEachRedis(t, func(t *testing.T, b backing) {
		s := newEnvironment(t, b)
		g := s.gateway(t, s.settings(map[string]string{
			"API_GATEWAY_RATE_LIMIT_COMMANDS": "3",
			"API_GATEWAY_RATE_LIMIT_TIMEOUT":  "5", // long enough on a busy machine
		}))
		teacher, id := s.batch(1)
		b.stopRedis()
		body, key := pipelineBody("nlp"), headers{"Idempotency-Key": "k"}.withToken(teacher)
		for range 3 {
			a := call(t, "POST", g.http(pipelinesPath(id)), body, key)
			// The platform refuses a second command for a batch.
			require.Contains(t, []int{202, 409}, a.status, "%s", &a)
			require.Empty(t, a.header.Get("Idempotent-Replayed"), "nothing is stored without Redis")
		}
		call(t, "POST", g.http(pipelinesPath(id)), body, key).failure(t, 429, "RATE_LIMIT")
		require.Contains(t, string(call(t, "GET", g.http("/metrics"), "", nil).body), "gateway_rate_limiter_degraded 1\n")
		b.startRedis()
		g.awaitMetric(t, "gateway_rate_limiter_degraded 0")
		require.Contains(t, []int{202, 409}, call(t, "POST", g.http(pipelinesPath(id)), body, key).status)
	})
}

// idempotencyAcrossGateways checks that a repeated request publishes no second command and gets the same
// response from each gateway.
func idempotencyAcrossGateways(t *testing.T, s *running) {
	one, two := s.gateways[0], s.gateways[1]
	teacher, id := s.batch(1)
	key := headers{"Idempotency-Key": uuid.NewString()}.withToken(teacher)
	first := call(t, "POST", one.http(pipelinesPath(id)), pipelineBody("nlp"), key)
	require.Equal(t, 202, first.status, "%s", &first)
	again := call(t, "POST", two.http(pipelinesPath(id)), pipelineBody("nlp"), key)
	require.Equal(t, 202, again.status, "%s", &again)
	require.Equal(t, string(first.body), string(again.body))
	require.Equal(t, "true", again.header.Get("Idempotent-Replayed"))
	call(t, "POST", two.http(pipelinesPath(id)), pipelineBody("spellcheck"), key).failure(t, 409, "INVALID_REQUEST")
}

// TestManyInvalidTokensAreNotUpgraded checks that handshakes over the limit are not upgraded, while a valid
// token opens a socket.
func TestManyInvalidTokensAreNotUpgraded(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, b backing) {
		s := newEnvironment(t, b)
		n := s.node(t, s.settings(map[string]string{"WEBSOCKET_REFUSED_TOKENS_PER_MINUTE": "2"}))
		for _, token := range []string{"rubbish-1", "rubbish-2"} {
			connect(t, n.ws(), headers{"Authorization": "Bearer " + token}).closedBecause(t, 1008)
		}
		_, refused := dial(t, n.ws()+"?token=rubbish", nil)
		refused.failure(t, 429, "RATE_LIMIT")
		require.NotEmpty(t, refused.header.Get("Retry-After"))
		connect(t, n.ws(), as("teacher-"+uuid.NewString()))
	})
}
