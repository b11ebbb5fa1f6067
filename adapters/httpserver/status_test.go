package httpserver_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/httpserver"
	"github.com/huleedu/edge/adapters/internal/httpreason"
	"github.com/huleedu/edge/domain"
)

// table returns the codes of each status in the contract.
func table() map[int][]domain.Code {
	return map[int][]domain.Code{
		400: {"VALIDATION_ERROR", "MISSING_REQUIRED_FIELD", "INVALID_REQUEST", "PARSING_ERROR"},
		401: {"AUTHENTICATION_ERROR", "INVALID_API_KEY"},
		403: {"AUTHORIZATION_ERROR"},
		404: {"RESOURCE_NOT_FOUND"},
		202: {"REQUEST_QUEUED"},
		429: {"RATE_LIMIT", "QUOTA_EXCEEDED"},
		500: {"UNKNOWN_ERROR", "CONFIGURATION_ERROR", "INVALID_CONFIGURATION", "PROCESSING_ERROR", "INITIALIZATION_FAILED"},
		502: {
			"EXTERNAL_SERVICE_ERROR", "INVALID_RESPONSE", "CONTENT_SERVICE_ERROR", "SPELLCHECK_SERVICE_ERROR",
			"NLP_SERVICE_ERROR", "AI_FEEDBACK_SERVICE_ERROR", "CJ_ASSESSMENT_SERVICE_ERROR", "LLM_PROVIDER_SERVICE_ERROR",
		},
		503: {"CONNECTION_ERROR", "SERVICE_UNAVAILABLE", "CIRCUIT_BREAKER_OPEN", "KAFKA_PUBLISH_ERROR"},
		504: {"TIMEOUT"},
	}
}

func TestEveryCodeHasTheContractsStatus(t *testing.T) {
	t.Parallel()
	seen := 0
	for status, codes := range table() {
		for _, code := range codes {
			assert.Equal(t, status, httpserver.StatusOf(&domain.Error{Code: code}), code)
			seen++
		}
	}
	require.Len(t, domain.Codes(), seen)
	for _, code := range domain.Codes() {
		assert.NotZero(t, httpserver.StatusOf(&domain.Error{Code: code}), code)
	}
	assert.Zero(t, httpserver.StatusOf(&domain.Error{Code: "NEW_CODE"}))
}

func TestReasonDecidesBeforeCode(t *testing.T) {
	t.Parallel()
	for reason, status := range map[domain.Reason]int{
		"": 400, domain.ReasonExpired: 400, domain.ReasonTooLarge: 413,
		httpreason.Conflict: 409, domain.ReasonKeyInUse: 409, domain.ReasonKeyReused: 409,
		httpreason.WrongMethod: 405, httpreason.WrongMediaType: 415, httpreason.SchemaViolation: 422, httpreason.UpgradeRequired: 426,
	} {
		assert.Equal(t, status, httpserver.StatusOf(&domain.Error{Code: domain.InvalidRequest, Reason: reason}), reason)
	}
}

// TestEveryCodeOnTheWire makes the platform fail with each code.
func TestEveryCodeOnTheWire(t *testing.T) {
	t.Parallel()
	w := newEnvironment(t)
	for status, codes := range table() {
		for _, code := range codes {
			w.platform.Fail(&domain.Error{Code: code, Message: `a "message"`, Details: map[string]any{"k": "<v>"}})
			r := call(t, http.MethodGet, w.base+"/v1/batches/b1/status", "", "Authorization: Bearer u1")
			f := requireError(t, r, status, code)
			assert.Equal(t, `a "message"`, f.Message)
			assert.Equal(t, map[string]any{"k": "<v>"}, f.Details)
			assert.Equal(t, status == 429 || status == 503, r.Header.Get("Retry-After") == "1", code)
			assert.Equal(t, status == 401, r.Header.Get("WWW-Authenticate") != "", code)
		}
	}
}

func TestErrorsMayHaveRetryAfter(t *testing.T) {
	t.Parallel()
	w := newEnvironment(t)
	for err, want := range map[*domain.Error]string{
		{Code: domain.InvalidRequest, Reason: httpreason.Conflict, RetryAfter: time.Second}: "1",
		{Code: domain.RateLimit, RetryAfter: 1500 * time.Millisecond}:                       "2",
		{Code: domain.ServiceUnavailable, RetryAfter: time.Minute}:                          "60",
		{Code: domain.ResourceNotFound}:                                                     "",
	} {
		w.platform.Fail(err)
		r := call(t, http.MethodGet, w.base+"/v1/batches", "", "Authorization: Bearer u1")
		requireError(t, r, httpserver.StatusOf(err), err.Code)
		assert.Equal(t, want, r.Header.Get("Retry-After"), err)
	}
}

func TestUnknownErrorsHideTheirCause(t *testing.T) {
	t.Parallel()
	w := newEnvironment(t)
	for _, err := range []error{assert.AnError, &domain.Error{Code: "NEW_CODE", Message: "m"}} {
		w.platform.Fail(err)
		r := call(t, http.MethodGet, w.base+"/v1/batches", "", "Authorization: Bearer u1")
		requireError(t, r, 500, domain.CodeOf(err))
		assert.NotContains(t, r.body, assert.AnError.Error())
	}
	w.platform.Fail(assert.AnError)
	f := requireError(t, call(t, http.MethodGet, w.base+"/v1/batches", "", "Authorization: Bearer u1"), 500, domain.UnknownError)
	assert.Equal(t, "An unexpected error occurred", f.Message)
	assert.Equal(t, map[string]any{"error_type": "*errors.errorString"}, f.Details)
	assert.Contains(t, w.log.String(), assert.AnError.Error(), "the log has the cause")
}
