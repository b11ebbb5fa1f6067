package e2e_test

import (
	"encoding/json"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/world"
)

func gatewayRejectsForeignBatches(t *testing.T, s *running) {
	gateway := s.gateways[0]
	teacher, batch := s.batch(2)
	start := func(t *testing.T, id domain.BatchID, body, user string) response {
		t.Helper()
		return call(t, "POST", gateway.http(pipelinesPath(id)), body, as(user))
	}
	look := func(t *testing.T, id domain.BatchID, user string) response {
		t.Helper()
		return call(t, "GET", gateway.http(statusPath(id)), "", as(user))
	}
	t.Run("foreign batch", func(t *testing.T) {
		for _, a := range []response{look(t, batch, "stranger"), start(t, batch, pipelineBody("nlp"), "stranger")} {
			f := a.failure(t, 403, "AUTHORIZATION_ERROR")
			require.Equal(t, "Ownership violation: batch does not belong to user", f.Message)
			require.Equal(t, map[string]any{"batch_id": string(batch), "requested_by": "stranger"}, f.Details)
			require.NotContains(t, string(a.body), teacher, "the owner's name stays in the log")
		}
	})
	t.Run("unknown batch", func(t *testing.T) {
		for _, a := range []response{look(t, "no-such-batch", teacher), start(t, "no-such-batch", pipelineBody("nlp"), teacher)} {
			f := a.failure(t, 404, "RESOURCE_NOT_FOUND")
			require.Equal(t, "batch with ID 'no-such-batch' not found", f.Message)
			require.Equal(t, map[string]any{"resource_type": "batch", "resource_id": "no-such-batch"}, f.Details)
		}
	})
	t.Run("another batch in the body", func(t *testing.T) {
		f := start(t, batch, `{"batch_id":"other","requested_pipeline":"nlp"}`, teacher).failure(t, 400, "VALIDATION_ERROR")
		require.Equal(t, "Batch ID in path must match batch ID in request body", f.Message)
		require.Equal(t, map[string]any{"field": "batch_id", "expected": string(batch), "value": "other"}, f.Details)
	})
	t.Run("an orchestrator's refusals are passed on", func(t *testing.T) {
		for _, code := range []int{400, 402, 404, 409, 429} {
			body := `{"allowed":false,"denial_reason":"reason ` + strconv.Itoa(code) + `", "spaces":  1}`
			s.platform.SetPreflightResponse(batch, world.FixedResponse{Status: code, ContentType: "application/json", Body: []byte(body)})
			a := start(t, batch, pipelineBody("nlp"), teacher)
			require.Equal(t, code, a.status)
			require.Equal(t, body, string(a.body), "byte for byte")
		}
		s.platform.SetPreflightResponse(batch, world.FixedResponse{Status: 200, ContentType: "application/json", Body: []byte(`{"allowed":false}`)})
		require.Equal(t, 402, start(t, batch, pipelineBody("nlp"), teacher).status)
		s.platform.SetPreflightResponse(batch, world.FixedResponse{Status: 418, ContentType: "text/plain", Body: []byte("secret")})
		a := start(t, batch, pipelineBody("nlp"), teacher)
		a.failure(t, 502, "EXTERNAL_SERVICE_ERROR")
		require.NotContains(t, string(a.body), "secret")
	})
	require.Equal(t, "ready", statusOf(t, gateway, teacher, batch), "nothing was published")
}

func gatewayRejectsInvalidBodies(t *testing.T, s *running) {
	gateway := s.gateways[0]
	teacher, batch := s.batch(1)
	for body, want := range map[string]string{
		`{}`:                         `missing ["body","requested_pipeline"]`,
		`{"requested_pipeline":"x"}`: `enum ["body","requested_pipeline"]`,
		`{"requested_pipeline":7}`:   `enum ["body","requested_pipeline"]`,
		`{"requested_pipeline":"nlp","batch_id":""}`:                         `string_too_short ["body","batch_id"]`,
		`{"requested_pipeline":"nlp","batch_id":7}`:                          `string_type ["body","batch_id"]`,
		`{"requested_pipeline":"nlp","is_retry":"x"}`:                        `bool_parsing ["body","is_retry"]`,
		`{"requested_pipeline":"nlp","prompt_payload":{}}`:                   `value_error ["body","prompt_payload"]`,
		`{"requested_pipeline":"nlp","prompt_payload":{"assignment_id":""}}`: `string_too_short ["body","prompt_payload","assignment_id"]`,
	} {
		t.Run(body, func(t *testing.T) {
			f := call(t, "POST", gateway.http(pipelinesPath(batch)), body, as(teacher)).failure(t, 422, "VALIDATION_ERROR")
			broken, ok := f.Details["validation_errors"].([]any)
			require.True(t, ok)
			require.Len(t, broken, 1)
			first := broken[0].(map[string]any)
			at, err := json.Marshal(first["loc"])
			require.NoError(t, err)
			require.Equal(t, want, first["type"].(string)+" "+string(at))
			require.Equal(t, first["msg"], f.Message, "the message is the first one's")
		})
	}
	t.Run("no JSON", func(t *testing.T) {
		f := call(t, "POST", gateway.http(pipelinesPath(batch)), `{"a":`, as(teacher)).failure(t, 422, "VALIDATION_ERROR")
		require.Equal(t, "json_invalid", f.Details["validation_errors"].([]any)[0].(map[string]any)["type"])
	})
}

// TestHealthDuringPlatformFailures checks the health of the gateway while the services behind it fail.
func TestHealthDuringPlatformFailures(t *testing.T) {
	t.Parallel()
	onAny(t, func(t *testing.T, b backing) {
		s := newEnvironment(t, b)
		gateway := s.gateway(t, s.vars)
		require.Equal(t, "healthy", health(t, gateway).Status)
		s.platform.FailAggregator(world.Disconnect)
		require.Eventually(t, func() bool { return health(t, gateway).Status == "degraded" }, waitLimit, 50*time.Millisecond)
		h := health(t, gateway)
		require.Equal(t, "degraded", h.Dependencies.Downstream.Status)
		require.False(t, h.Checks.Available)
		s.platform.FailOrchestrator(world.Disconnect)
		require.Eventually(t, func() bool {
			return health(t, gateway).Dependencies.Downstream.Status == "unhealthy"
		}, waitLimit, 50*time.Millisecond)
		s.platform.FailAggregator(world.NoFailure)
		s.platform.FailOrchestrator(world.NoFailure)
		require.Eventually(t, func() bool { return health(t, gateway).Status == "healthy" }, waitLimit, 50*time.Millisecond)
	})
}

// gatewayHealth is the gateway's response to /healthz.
type gatewayHealth struct {
	Service, Status string
	Checks          struct {
		Responsive bool `json:"service_responsive"`
		Available  bool `json:"dependencies_available"`
	}
	Dependencies struct {
		Redis      dependency
		Downstream dependency `json:"downstream_services"`
	}
}

func health(t *testing.T, gateway service) gatewayHealth {
	t.Helper()
	a := call(t, "GET", gateway.http("/healthz"), "", nil)
	require.Equal(t, 200, a.status, "liveness, whatever is away")
	var h gatewayHealth
	require.NoError(t, json.Unmarshal(a.body, &h))
	require.Equal(t, "api_gateway_service", h.Service)
	require.True(t, h.Checks.Responsive)
	return h
}
