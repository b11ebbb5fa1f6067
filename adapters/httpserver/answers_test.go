package httpserver

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

func TestDetailsThatCannotBeSentAreLeftOut(t *testing.T) {
	fits := func(n int) map[string]any { return map[string]any{"k": strings.Repeat("x", n-len(`{"k":""}`))} }
	for want, details := range map[string]map[string]any{
		`{}`:                   nil,
		`{"a":1}`:              {"a": 1},
		`{"truncated":true}`:   fits(maxDetails + 1),
		`{"k":"<a> & \u2028"}`: {"k": "<a> & \u2028"},
	} {
		require.Equal(t, want, string(encodeDetails(details)))
	}
	require.Equal(t, `{}`, string(encodeDetails(map[string]any{"k": func() {}})), "no details are better than no answer")
	require.Len(t, encodeDetails(fits(maxDetails)), maxDetails)
}

// TestNoBrowserRunsAnAnswerOfAService checks the media type under which a body is passed on.
func TestNoBrowserRunsAnAnswerOfAService(t *testing.T) {
	for _, row := range []struct{ declared, body, want string }{
		{"application/json", "{", "application/json"},
		{"application/problem+json; charset=utf-8", "x", "application/problem+json; charset=utf-8"},
		{"text/html", "<script>", "text/plain; charset=utf-8"},
		{"text/html", `{"a":1}`, "application/json"},
		{"text/html", "", "application/json"},
		{"", "", "application/json"},
		{"", "text", "text/plain; charset=utf-8"},
		{"application/json; charset", "text", "text/plain; charset=utf-8"},
		{"image/svg+xml", "<svg/>", "text/plain; charset=utf-8"},
	} {
		require.Equal(t, row.want, safeContentType(ports.Passthrough{ContentType: row.declared, Body: []byte(row.body)}), "%+v", row)
	}
}

func TestErrorsHaveTheHeadersOfTheirStatus(t *testing.T) {
	headers := func(e *domain.Error, status int) http.Header {
		h := http.Header{}
		setErrorHeaders(h, e, status)
		return h
	}
	failed := &domain.Error{}
	require.Equal(t, http.Header{"Upgrade": {"websocket"}, "Connection": {"Upgrade"}, "Sec-Websocket-Version": {"13"}}, headers(failed, 426))
	require.Equal(t, http.Header{"Retry-After": {"1"}}, headers(failed, 429))
	require.Equal(t, http.Header{"Retry-After": {"1"}}, headers(failed, 503))
	require.Empty(t, headers(failed, 504))
	require.Equal(t, http.Header{"Retry-After": {"2"}}, headers(&domain.Error{RetryAfter: 1001 * time.Millisecond}, 409))
	for reason, want := range map[domain.Reason]string{
		domain.ReasonNoCredentials:        `Bearer realm="huleedu"`,
		domain.ReasonMalformedCredentials: `Bearer realm="huleedu", error="invalid_request", error_description="m"`,
		domain.ReasonExpired:              `Bearer realm="huleedu", error="invalid_token", error_description="m"`,
	} {
		require.Equal(t, http.Header{"Www-Authenticate": {want}}, headers(&domain.Error{Reason: reason, Message: "m"}, 401))
	}
}

func TestAWindowOfASecondIsAccepted(t *testing.T) {
	c := LimitsConfig{Window: time.Second, Commands: 1, Uploads: 1, Queries: 1, Default: 1, Refused: 1}
	require.Empty(t, c.Problems(domain.Production))
	c.Window--
	require.Len(t, c.Problems(domain.Production), 1)
}
