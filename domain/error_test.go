package domain_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
)

func ExampleError() {
	err := domain.Unreachable("redis", io.ErrUnexpectedEOF).WithOp("redis.Follow")
	fmt.Println(err)
	fmt.Println(domain.PublicMessage(err))
	// Output:
	// redis.Follow: CONNECTION_ERROR: Connection to redis failed: unexpected EOF
	// Connection to redis failed
}

func TestUnknownErrorsExposeOnlyTheirType(t *testing.T) {
	err := fmt.Errorf("dial 10.0.0.7: %w", io.EOF)

	e := domain.As(err)
	require.Equal(t, domain.UnknownError, domain.CodeOf(err))
	require.Equal(t, "An unexpected error occurred", domain.PublicMessage(err))
	require.Equal(t, map[string]any{"error_type": "*fmt.wrapError"}, e.Details)
	require.ErrorIs(t, e, io.EOF)
}

func TestNilErrorHasNoCode(t *testing.T) {
	require.Nil(t, domain.As(nil))
	require.Empty(t, domain.CodeOf(nil))
	require.Empty(t, domain.PublicMessage(nil))
	require.False(t, domain.Retryable(nil))
}

func TestAsReturnsTheOutermostError(t *testing.T) {
	inner := domain.NotFound("batch", "b1")
	outer := domain.MalformedResponse("result_aggregator", inner)
	require.Equal(t, domain.InvalidResponse, domain.CodeOf(fmt.Errorf("wrapped: %w", outer)))
}

func TestErrorCopiesDoNotChangeTheOriginal(t *testing.T) {
	first := domain.NotFound("batch", "b1")
	second := first.WithOp("op").WithCause(io.EOF).WithRetryAfter(time.Second)

	require.Empty(t, first.Op)
	require.NoError(t, first.Err)
	require.Zero(t, first.RetryAfter)
	require.Equal(t, "op", second.Op)
	require.ErrorIs(t, second, io.EOF)
	require.Equal(t, time.Second, second.RetryAfter)
}

func TestCodesAreDistinctAndClassified(t *testing.T) {
	seen := map[domain.Code]bool{}
	for _, c := range domain.Codes() {
		require.False(t, seen[c], c)
		seen[c] = true
	}
	require.Equal(t, []domain.Code{
		"VALIDATION_ERROR", "MISSING_REQUIRED_FIELD", "INVALID_REQUEST", "PARSING_ERROR", "AUTHENTICATION_ERROR", "INVALID_API_KEY",
		"AUTHORIZATION_ERROR", "RESOURCE_NOT_FOUND", "REQUEST_QUEUED", "RATE_LIMIT", "QUOTA_EXCEEDED", "UNKNOWN_ERROR", "CONFIGURATION_ERROR",
		"INVALID_CONFIGURATION", "PROCESSING_ERROR", "INITIALIZATION_FAILED", "EXTERNAL_SERVICE_ERROR", "INVALID_RESPONSE",
		"CONTENT_SERVICE_ERROR", "SPELLCHECK_SERVICE_ERROR", "NLP_SERVICE_ERROR", "AI_FEEDBACK_SERVICE_ERROR",
		"CJ_ASSESSMENT_SERVICE_ERROR", "LLM_PROVIDER_SERVICE_ERROR", "CONNECTION_ERROR", "SERVICE_UNAVAILABLE", "CIRCUIT_BREAKER_OPEN",
		"KAFKA_PUBLISH_ERROR", "TIMEOUT",
	}, domain.Codes())
	retryable := 0
	for c := range seen {
		if domain.Retryable(&domain.Error{Code: c}) {
			retryable++
		}
	}
	require.Equal(t, 6, retryable)
}

func TestFailuresCarryTheContractsDetails(t *testing.T) {
	cause := errors.New("private")
	cases := []struct {
		err     *domain.Error
		code    domain.Code
		details map[string]any
	}{
		{domain.Invalid("limit", "0", "1-100", "m"), domain.ValidationError, map[string]any{"field": "limit", "value": "0", "expected": "1-100"}},
		{domain.Invalid("secret", "", "", "m"), domain.ValidationError, map[string]any{"field": "secret"}},
		{domain.Invalid("f", string(make([]byte, 101)), "", "m"), domain.ValidationError, map[string]any{"field": "f"}},
		{domain.MissingField("files"), domain.MissingRequiredField, map[string]any{"field_name": "files"}},
		{domain.ParseFailure("event", cause), domain.ParsingError, map[string]any{"parse_target": "event"}},
		{domain.NotFound("batch", "b3"), domain.ResourceNotFound, map[string]any{"resource_type": "batch", "resource_id": "b3"}},
		{domain.Forbidden("m", nil), domain.AuthorizationError, map[string]any{}},
		{domain.External("file_service", 418), domain.ExternalServiceError, map[string]any{"external_service": "file_service", "status_code": 418}},
		{domain.MalformedResponse("file_service", cause), domain.InvalidResponse, map[string]any{"external_service": "file_service"}},
		{domain.Unreachable("redis", cause), domain.ConnectionError, map[string]any{"target": "redis"}},
		{domain.Unavailable("websocket_service", time.Second), domain.ServiceUnavailable, map[string]any{"unavailable_service": "websocket_service"}},
		{domain.TimedOut("request", 30*time.Second, cause), domain.Timeout, map[string]any{"timeout_seconds": 30.0}},
		{domain.NotPublished("t", cause), domain.KafkaPublishError, map[string]any{"topic": "t"}},
		{domain.CircuitOpen("file_service", time.Second), domain.CircuitBreakerOpen, map[string]any{"circuit_name": "file_service"}},
		{domain.RateLimited(20, time.Minute, time.Second), domain.RateLimit, map[string]any{"limit": 20, "window_seconds": 60}},
		{domain.TooManyConnections(5), domain.QuotaExceeded, map[string]any{"quota_type": "concurrent_connections", "limit": 5}},
		{domain.Misconfigured("JWT_SECRET_KEY", "m"), domain.ConfigurationError, map[string]any{"config_key": "JWT_SECRET_KEY"}},
		{domain.PublishingMisconfigured("t", cause), domain.ConfigurationError, map[string]any{"config_key": "kafka", "topic": "t"}},
		{domain.NotAuthenticated(), domain.AuthenticationError, map[string]any{"reason": "missing_authorization_header"}},
		{domain.MalformedCredentials(), domain.AuthenticationError, map[string]any{"reason": "invalid_authorization_format"}},
		{domain.TokenExpired(), domain.AuthenticationError, map[string]any{"reason": "jwt_expired", "cause": "expired"}},
		{domain.TokenWithoutExpiry(), domain.AuthenticationError, map[string]any{"reason": "missing_exp", "cause": "expiration"}},
		{domain.TokenWithoutSubject(), domain.AuthenticationError, map[string]any{"reason": "missing_subject", "cause": "subject"}},
		{domain.TokenInvalid(domain.ReasonSignature), domain.AuthenticationError, map[string]any{"reason": "jwt_invalid", "cause": "signature"}},
		{domain.OperatorTokenInvalid(), domain.AuthenticationError, map[string]any{"reason": "operator_token"}},
		{domain.CommandTooLarge(1), domain.ValidationError, map[string]any{"limit_bytes": 1}},
		{domain.CommandRefused(cause), domain.ValidationError, map[string]any{"field": "body"}},
		{domain.NotStarted("kafka", cause), domain.InitializationFailed, map[string]any{"component": "kafka"}},
	}
	for _, c := range cases {
		require.Equal(t, c.code, c.err.Code)
		require.Equal(t, c.details, c.err.PublicDetails(), c.code)
		require.NotContains(t, c.err.Message, "private")
	}
}

func TestDetailsAreBoundedAndNeverNil(t *testing.T) {
	longest := strings.Repeat("x", 100)
	require.Equal(t, longest, domain.Invalid("f", longest, "", "m").Details["value"])
	require.Equal(t, map[string]any{"field": "f"}, domain.Invalid("f", longest+"x", "", "m").Details)
	require.Equal(t, map[string]any{}, domain.Forbidden("m", nil).Details)
	require.Equal(t, map[string]any{"a": 1}, domain.Forbidden("m", map[string]any{"a": 1}).Details)
	require.Equal(t, map[string]any{}, domain.CommandTooLarge(0).Details, "the limit is not known")
	require.Equal(t, map[string]any{"limit_bytes": 1}, domain.CommandTooLarge(1).Details)
}

func TestTooLargeCommandsHaveTheirOwnReason(t *testing.T) {
	require.Equal(t, domain.ReasonTooLarge, domain.CommandTooLarge(1).Reason, "the answer is 413, not 400")
	require.Empty(t, domain.CommandRefused(io.EOF).Reason, "the answer is 400")
}

func TestStoreRepliesShowTheirTextAndKeepTheirCause(t *testing.T) {
	err := fmt.Errorf("append: %w", &domain.StoreReply{Text: "READONLY", Err: io.EOF})
	require.EqualError(t, err, "append: READONLY")
	require.ErrorIs(t, err, io.EOF)
}

func TestSecretsNeverPrint(t *testing.T) {
	var s domain.Secret
	require.NoError(t, s.UnmarshalText([]byte("hunter2")))
	out, err := json.Marshal(struct{ S domain.Secret }{s})
	require.NoError(t, err)
	for _, printed := range []string{fmt.Sprintf("%v %+v %#v %q", s, s, s, s), string(out)} {
		require.NotContains(t, printed, "hunter2")
		require.Contains(t, printed, "[redacted]")
	}
	require.Equal(t, "hunter2", s.Reveal())
	require.Empty(t, domain.Secret("").String())
}
