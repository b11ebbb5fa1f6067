package e2e_test

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/test/harness"
)

// response is an HTTP response with its whole body.
type response struct {
	status int
	header http.Header
	body   []byte
}

func (a response) String() string { return fmt.Sprintf("%d %s", a.status, a.body) }

// headers are the headers of a request, except those for its body.
type headers map[string]string

// withToken returns a copy with a token of the user.
func (h headers) withToken(user string) headers {
	out := maps.Clone(h)
	if out == nil {
		out = headers{}
	}
	out["Authorization"] = "Bearer " + harness.Token(user)
	return out
}

// values returns the headers as net/http represents them.
func (h headers) values() http.Header {
	out := http.Header{}
	for name, value := range h {
		out.Set(name, value)
	}
	return out
}

// as returns the headers of a user's request.
func as(user string) headers { return headers(nil).withToken(user) }

// tryCall sends one request on its own connection. It checks a response of the gateway against the
// OpenAPI document.
func tryCall(t *testing.T, method, url, body string, h headers) (response, error) {
	t.Helper()
	described() // the first time it takes a second, which must not pass between the response and what the test does next
	a, err := callUnchecked(t, method, url, body, h)
	if err == nil {
		a.checkDescription(t, method, url)
	}
	return a, err
}

// callUnchecked is tryCall without the check against the OpenAPI document.
func callUnchecked(t *testing.T, method, url, body string, h headers) (response, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		return response{}, err
	}
	req.Header = h.values()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: waitLimit}
	res, err := client.Do(req)
	if err != nil {
		return response{}, err
	}
	defer func() { _ = res.Body.Close() }()
	content, err := io.ReadAll(res.Body)
	return response{res.StatusCode, res.Header, content}, err
}

// call is tryCall that fails the test if there is no response.
func call(t *testing.T, method, url, body string, h headers) response {
	t.Helper()
	a, err := tryCall(t, method, url, body, h)
	require.NoError(t, err)
	return a
}

// object decodes a JSON object.
func (a response) object(t *testing.T) map[string]any {
	t.Helper()
	var out map[string]any
	require.NoError(t, json.Unmarshal(a.body, &out), "%s", &a)
	return out
}

// failure is an error response.
type failure struct {
	Code        string         `json:"code"`
	Message     string         `json:"message"`
	Correlation string         `json:"correlation_id"`
	Request     string         `json:"request_id"`
	Service     string         `json:"service"`
	Timestamp   string         `json:"timestamp"`
	Details     map[string]any `json:"details"`
}

// failure decodes an error response and checks what all error responses have in common.
func (a response) failure(t *testing.T, status int, code string) failure {
	t.Helper()
	require.Equal(t, status, a.status, "%s", &a)
	require.Equal(t, "application/json", a.header.Get("Content-Type"))
	var outer map[string]map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(a.body, &outer), "%s", &a)
	require.Len(t, outer, 1)
	keys := []string{"code", "correlation_id", "details", "message", "request_id", "service", "timestamp"}
	require.Equal(t, keys, slices.Sorted(maps.Keys(outer["error"])))
	var in struct{ Error failure }
	require.NoError(t, json.Unmarshal(a.body, &in))
	f := in.Error
	require.Equal(t, code, f.Code, "%s", &a)
	require.NotNil(t, f.Details, "details are always an object")
	require.Equal(t, a.header.Get("X-Correlation-ID"), f.Correlation)
	require.Equal(t, a.header.Get("X-Request-ID"), f.Request)
	require.NoError(t, uuid.Validate(f.Correlation))
	require.NoError(t, uuid.Validate(f.Request))
	_, err := time.Parse("2006-01-02T15:04:05.000000-07:00", f.Timestamp)
	require.NoError(t, err)
	require.True(t, strings.HasSuffix(f.Timestamp, "+00:00"), f.Timestamp)
	return f
}

// pipelinesPath returns the path that starts a pipeline.
func pipelinesPath[ID ~string](batch ID) string { return "/v1/batches/" + string(batch) + "/pipelines" }

// statusPath returns the path of a batch's status.
func statusPath[ID ~string](batch ID) string { return "/v1/batches/" + string(batch) + "/status" }

// pipelineBody returns the body of a request that starts a pipeline.
func pipelineBody(pipeline string) string { return `{"requested_pipeline":"` + pipeline + `"}` }
