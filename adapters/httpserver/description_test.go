package httpserver_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/httpserver"
	"github.com/huleedu/edge/domain"
)

// TestDescriptionMatchesTheRoutes checks that the served document is valid and lists exactly
// the routes, with their access.
func TestDescriptionMatchesTheRoutes(t *testing.T) {
	t.Parallel()
	w := newEnvironment(t)
	r := call(t, http.MethodGet, w.base+"/openapi.json", "")
	require.Equal(t, 200, r.StatusCode)
	document, err := openapi3.NewLoader().LoadFromData([]byte(r.body))
	require.NoError(t, err)
	require.NoError(t, document.Validate(t.Context()))
	var described, answered []string
	for path, item := range document.Paths.Map() {
		for method, operation := range item.Operations() {
			caller := "user"
			if operation.Security != nil && len(*operation.Security) == 0 {
				caller = "anyone"
			}
			described = append(described, method+" "+path+" "+caller)
		}
	}
	for _, route := range w.Routes() {
		if route.Method != http.MethodHead {
			answered = append(answered, route.Method+" "+route.Path+" "+string(route.Access))
		}
	}
	assert.ElementsMatch(t, answered, described)
}

func TestDescriptionNamesEveryCode(t *testing.T) {
	t.Parallel()
	w := newEnvironment(t)
	document, err := openapi3.NewLoader().LoadFromData([]byte(call(t, http.MethodGet, w.base+"/openapi.json", "").body))
	require.NoError(t, err)
	codes := make([]any, 0, len(domain.Codes()))
	for _, c := range domain.Codes() {
		codes = append(codes, string(c))
	}
	assert.Equal(t, codes, document.Components.Schemas["ErrorCode"].Value.Enum)
}

func TestDocsLoadNothingFromElsewhere(t *testing.T) {
	t.Parallel()
	w := newEnvironment(t)
	for _, path := range []string{"/docs", "/redoc", "/docs/page.js", "/docs/page.css"} {
		r := call(t, http.MethodGet, w.base+path, "")
		require.Equal(t, 200, r.StatusCode)
		assert.NotContains(t, r.body, "://", path)
		assert.True(t, strings.HasPrefix(r.Header.Get("Content-Type"), "text/"))
		assert.Contains(t, r.Header.Get("Content-Security-Policy"), "default-src 'none'")
	}
	assert.Empty(t, call(t, http.MethodGet, w.base+"/openapi.json", "").Header.Get("Content-Security-Policy"))
	w = newEnvironment(t, with(func(p *httpserver.GatewayParts) { p.Environment = domain.Production }))
	for _, path := range []string{"/docs", "/redoc", "/openapi.json"} {
		assert.Equal(t, 404, call(t, http.MethodGet, w.base+path, "").StatusCode)
	}
}
