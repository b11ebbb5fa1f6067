package httpserver_test

import (
	"encoding/json"
	"net/http"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/httpserver"
	"github.com/huleedu/edge/domain"
)

// TestDocsFiles checks that every file that the page of the description names is served, also to
// clients that do not accept gzip.
func TestDocsFiles(t *testing.T) {
	t.Parallel()
	w := newEnvironment(t)
	page := call(t, http.MethodGet, w.base+"/docs", "").body
	files := regexp.MustCompile(`(?:src|href)="(/docs/[^"]+)"`).FindAllStringSubmatch(page, -1)
	require.Len(t, files, 5)
	for _, file := range files {
		plain := call(t, http.MethodGet, w.base+file[1], "", "Accept-Encoding: identity")
		require.Equal(t, 200, plain.StatusCode, file[1])
		assert.Empty(t, plain.Header.Get("Content-Encoding"))
		compressed := call(t, http.MethodGet, w.base+file[1], "", "Accept-Encoding: gzip, br")
		require.Equal(t, 200, compressed.StatusCode, file[1])
		assert.Equal(t, plain.Header.Get("Content-Type"), compressed.Header.Get("Content-Type"))
		if compressed.Header.Get("Content-Encoding") != "" {
			assert.Less(t, len(compressed.body), len(plain.body))
			assert.Contains(t, compressed.Header.Values("Vary"), "Accept-Encoding")
		}
	}
	r := call(t, http.MethodGet, w.base+"/docs/other.js", "")
	requireError(t, r, 404, domain.ResourceNotFound)
}

// TestAsyncAPIIsServed checks the document and the page of the notification service, and the
// setting that switches them off.
func TestAsyncAPIIsServed(t *testing.T) {
	t.Parallel()
	w := newSocketEnvironment(t, hijacking, nil)
	document := call(t, http.MethodGet, w.base+"/asyncapi.json", "")
	require.Equal(t, 200, document.StatusCode)
	assert.Equal(t, "application/json", document.Header.Get("Content-Type"))
	assert.True(t, json.Valid([]byte(document.body)))
	page := call(t, http.MethodGet, w.base+"/asyncapi", "")
	require.Equal(t, 200, page.StatusCode)
	assert.Equal(t, "text/html; charset=utf-8", page.Header.Get("Content-Type"))
	assert.Regexp(t, `^default-src 'none'; img-src data:; style-src 'sha256-[A-Za-z0-9+/]{43}='; `, page.Header.Get("Content-Security-Policy"))
	assert.NotContains(t, page.body, "://")
	assert.Contains(t, page.body, `id="batch_results_ready"`)
}

func TestDocsSettings(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		setting     string
		environment domain.Environment
		served, ok  bool
	}{
		{"", domain.Development, true, true},
		{"", domain.Production, false, true},
		{"true", domain.Production, true, true},
		{"off", domain.Development, false, true},
		{"perhaps", domain.Development, false, false},
	} {
		served, ok := httpserver.DocsServed(c.setting, c.environment)
		assert.Equal(t, [2]bool{c.served, c.ok}, [2]bool{served, ok}, c)
		problems := httpserver.WebSocketConfig{Docs: c.setting}.Problems(c.environment)
		assert.Equal(t, !c.ok, len(problems) > 0, c)
	}
}
