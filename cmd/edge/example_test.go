package main

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestExamplePage checks that the example page, its client, its configuration and its tokens are
// served, and that a foreign host name gets none of it.
func TestExamplePage(t *testing.T) {
	var out strings.Builder
	e := tool{vars: map[string]string{}, out: &out}
	base, stop, err := e.servePages("127.0.0.1:0", e.exampleHandler("http://127.0.0.1:4001", "http://127.0.0.1:8080"))
	require.NoError(t, err)
	t.Cleanup(stop)
	url := base + examplePath
	get := func(path, host string) (int, string) {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+path, http.NoBody)
		require.NoError(t, err)
		if host != "" {
			request.Host = host
		}
		response, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(request)
		require.NoError(t, err)
		defer func() { _ = response.Body.Close() }()
		body, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		return response.StatusCode, string(body)
	}
	for _, path := range []string{"", "example.js", "example.css", "client/index.js", "client/sse.js", "client/gateway.js"} {
		status, body := get(path, "")
		require.Equal(t, http.StatusOK, status, path)
		require.NotEmpty(t, body)
	}
	_, body := get("config.json", "")
	var config exampleConfig
	require.NoError(t, json.Unmarshal([]byte(body), &config))
	require.Equal(t, "http://127.0.0.1:4001", config.Gateway)
	require.Equal(t, "teacher-anna", config.Teachers[0].User)
	require.NotEmpty(t, config.Teachers[0].Batches)
	_, token := get("token?user=teacher-anna", "localhost:4002")
	require.Len(t, strings.Split(token, "."), 3)
	status, _ := get("token?user=teacher-nobody", "")
	require.Equal(t, http.StatusNotFound, status)
	status, body = get("token?user=teacher-anna", "evil.example")
	require.Equal(t, http.StatusMisdirectedRequest, status)
	require.NotContains(t, body, ".ey")
}
