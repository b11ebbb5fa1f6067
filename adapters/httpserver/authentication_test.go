package httpserver_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/httpserver"
	"github.com/huleedu/edge/domain"
)

func fillTemplate(path string) string {
	return strings.NewReplacer("{batch_id}", "b1", "{path}", "a/b", "{file}", "swagger-ui.css").Replace(path)
}

// TestUserRoutesRefuseRequestsWithoutToken checks for every route with a caller that it
// answers 401 before it reads anything else.
func TestUserRoutesRefuseRequestsWithoutToken(t *testing.T) {
	t.Parallel()
	w := newEnvironment(t)
	walked := 0
	for _, route := range w.Routes() {
		if route.Access != httpserver.User {
			continue
		}
		walked++
		r := call(t, route.Method, w.base+fillTemplate(route.Path), "not json", "Content-Type: image/png")
		assert.Equal(t, `Bearer realm="huleedu"`, r.Header.Get("WWW-Authenticate"))
		if route.Method == http.MethodHead {
			require.Equal(t, 401, r.StatusCode, route)
			requireCommonHeaders(t, r)
			require.Empty(t, r.body)
			continue
		}
		f := requireError(t, r, 401, domain.AuthenticationError)
		assert.Equal(t, "Not authenticated", f.Message)
		assert.Equal(t, map[string]any{"reason": "missing_authorization_header"}, f.Details)
	}
	require.Equal(t, 28, walked)
}

func TestPublicRoutesNeedNoToken(t *testing.T) {
	t.Parallel()
	w := newEnvironment(t)
	for _, route := range w.Routes() {
		if route.Access == httpserver.Anyone {
			r := call(t, route.Method, w.base+fillTemplate(route.Path), "")
			assert.Equal(t, 200, r.StatusCode, route)
			requireCommonHeaders(t, r)
		}
	}
}

func TestRoutesAreThoseOfTheContract(t *testing.T) {
	t.Parallel()
	production := with(func(p *httpserver.GatewayParts) { p.Environment = domain.Production })
	var got []string
	for _, r := range newEnvironment(t, production).Routes() {
		if r.Method != http.MethodHead {
			got = append(got, r.Method+" "+r.Path+" "+string(r.Access)+" "+string(r.Limit))
		}
	}
	assert.ElementsMatch(t, []string{
		"GET /healthz anyone none", "GET /readyz anyone none", "GET /metrics anyone none",
		"GET /v1/batches user queries", "GET /v1/batches/{batch_id}/status user queries",
		"POST /v1/batches/{batch_id}/pipelines user commands",
		"POST /v1/batches/register user commands", "PATCH /v1/batches/{batch_id}/prompt user commands",
		"POST /v1/files/batch user uploads",
		"GET /v1/classes user default", "POST /v1/classes user default", "PUT /v1/classes user default",
		"PATCH /v1/classes user default", "DELETE /v1/classes user default",
		"GET /v1/classes/{path} user default", "POST /v1/classes/{path} user default", "PUT /v1/classes/{path} user default",
		"PATCH /v1/classes/{path} user default", "DELETE /v1/classes/{path} user default",
		"GET /bff/v1/teacher/{path} user default", "POST /bff/v1/teacher/{path} user default", "PUT /bff/v1/teacher/{path} user default",
		"PATCH /bff/v1/teacher/{path} user default", "DELETE /bff/v1/teacher/{path} user default",
	}, got)
	w := newEnvironment(t, with(func(p *httpserver.GatewayParts) {
		p.Environment, p.Config.Docs, p.Metrics = domain.Production, "true", nil
	}))
	assert.Equal(t, 200, call(t, http.MethodGet, w.base+"/docs", "").StatusCode)
	assert.Equal(t, 404, call(t, http.MethodGet, w.base+"/metrics", "").StatusCode)
	assert.Equal(t, 404, call(t, http.MethodGet, w.base+"/v1/test/no-auth", "").StatusCode)
}

// TestDocsFollowTheSetting checks that the setting decides, and without it the environment.
func TestDocsFollowTheSetting(t *testing.T) {
	t.Parallel()
	for _, stage := range []domain.Environment{domain.Development, domain.Testing, domain.Staging, domain.Production} {
		for setting, served := range map[string]bool{
			"": stage != domain.Production, "true": true, "on": true, "TRUE": true, "false": false, "off": false, "0": false,
		} {
			w := newEnvironment(t, with(func(p *httpserver.GatewayParts) { p.Environment, p.Config.Docs = stage, setting }))
			for _, path := range []string{"/docs", "/redoc", "/openapi.json", "/docs/page.js", "/docs/swagger-ui.css"} {
				status := 404
				if served {
					status = 200
				}
				assert.Equal(t, status, call(t, http.MethodGet, w.base+path, "").StatusCode, "%s %q %s", stage, setting, path)
			}
		}
	}
	c := gatewayConfig()
	c.Docs = "perhaps"
	require.Len(t, c.Problems(domain.Testing), 1)
}

func TestRoutesNeedAccessAndLimit(t *testing.T) {
	t.Parallel()
	assert.True(t, httpserver.MayRegister(httpserver.Anyone, domain.LimitUploads))
	assert.False(t, httpserver.MayRegister("", httpserver.LimitNone))
	assert.False(t, httpserver.MayRegister(httpserver.User, ""))
}

func TestCredentialErrorsHaveTheirReason(t *testing.T) {
	t.Parallel()
	w := newEnvironment(t)
	const invalid = `Bearer realm="huleedu", error="invalid_token", error_description=`
	const format = `Bearer realm="huleedu", error="invalid_request", error_description="Invalid authentication format"`
	for header, want := range map[string]struct{ message, reason, cause, challenge string }{
		"":               {"Not authenticated", "missing_authorization_header", "", `Bearer realm="huleedu"`},
		"  ":             {"Not authenticated", "missing_authorization_header", "", `Bearer realm="huleedu"`},
		"Bearer":         {"Invalid authentication format", "invalid_authorization_format", "", format},
		"Bearer a b":     {"Invalid authentication format", "invalid_authorization_format", "", format},
		"Basic dTpw":     {"Invalid authentication format", "invalid_authorization_format", "", format},
		"Bearer expired": {"Token has expired", "jwt_expired", "expired", invalid + `"Token has expired"`},
		"bearer no-exp":  {"Token missing expiration claim", "missing_exp", "expiration", invalid + `"Token missing expiration claim"`},
		"BEARER no-sub":  {"Invalid token payload: missing subject", "missing_subject", "subject", invalid + `"Invalid token payload: missing subject"`},
		"Bearer forged":  {"Invalid token", "jwt_invalid", "signature", invalid + `"Invalid token"`},
	} {
		r := call(t, http.MethodGet, w.base+"/v1/batches", "", "Authorization: "+header)
		f := requireError(t, r, 401, domain.AuthenticationError)
		details := map[string]any{"reason": want.reason}
		if want.cause != "" {
			details["cause"] = want.cause
		}
		assert.Equal(t, want.message, f.Message)
		assert.Equal(t, details, f.Details)
		assert.Equal(t, want.challenge, r.Header.Get("WWW-Authenticate"), header)
	}
}

func TestTwoAuthorizationHeadersAreRefused(t *testing.T) {
	t.Parallel()
	w := newEnvironment(t)
	for _, lines := range [][]string{
		{"Bearer u1", "Bearer u2"},
		{"Bearer u1", "Bearer u1"},
		{"Bearer u1", ""},
		{"", "Bearer u1"},
		{"Bearer", "u1"},
		{"", ""},
		{"Basic x", "Bearer u1"},
		{"Bearer u1", "", ""},
	} {
		headers := []string{}
		for _, line := range lines {
			headers = append(headers, "Authorization: "+line)
		}
		for _, path := range []string{"/v1/batches", "/v1/classes/x"} {
			r := call(t, http.MethodGet, w.base+path, "", headers...)
			f := requireError(t, r, 401, domain.AuthenticationError)
			assert.Equal(t, "invalid_authorization_format", f.Details["reason"], lines)
		}
	}
}

func TestMissingKeysAreAnswered503(t *testing.T) {
	t.Parallel()
	w := newEnvironment(t)
	r := call(t, http.MethodGet, w.base+"/v1/batches", "", "Authorization: Bearer no-keys")
	requireError(t, r, 503, "SERVICE_UNAVAILABLE")
	assert.Equal(t, "3", r.Header.Get("Retry-After"))
}

func TestTestRoutesAnswer(t *testing.T) {
	t.Parallel()
	w := newEnvironment(t)
	assert.Equal(t, `{"message":"Success - no auth required"}`, call(t, "GET", w.base+"/v1/test/no-auth", "").body)
	assert.Equal(t, `{"message":"Success - authenticated as u1"}`, call(t, "GET", w.base+"/v1/test/with-auth", "", bearer).body)
}
