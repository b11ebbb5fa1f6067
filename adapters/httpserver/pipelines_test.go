package httpserver_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/httpserver"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

func startPipeline(t *testing.T, w *environment, body string, headers ...string) reply {
	t.Helper()
	return call(t, http.MethodPost, w.base+"/v1/batches/b1/pipelines", body, append(headers, "Authorization: Bearer u1")...)
}

func TestPipelineIsAccepted(t *testing.T) {
	t.Parallel()
	w := newEnvironment(t)
	w.platform.AddBatch("b1", domain.BatchReport{Owner: "u1"})
	r := startPipeline(t, w, `{"batch_id":" b1 ","requested_pipeline":"nlp","is_retry":true,"retry_reason":" again ","unknown":1,`+
		`"prompt_payload":{"assignment_id":" a1 "}}`, "X-Correlation-ID: "+canonical)
	require.Equal(t, 202, r.StatusCode, r.body)
	requireCommonHeaders(t, r)
	assert.Equal(t, "application/json", r.Header.Get("Content-Type"))
	assert.Equal(t, `{"status":"accepted","message":"Pipeline execution request received","batch_id":"b1","correlation_id":"`+canonical+`"}`, r.body)
	require.Len(t, w.platform.Commands(), 1)
	command := w.platform.Commands()[0]
	assert.JSONEq(t, `{"batch_id":"b1","requested_pipeline":"nlp","client_correlation_id":"`+canonical+`","user_id":"u1",`+
		`"is_retry":true,"retry_reason":"again","prompt_payload":{"assignment_id":"a1","cms_prompt_ref":null}}`, string(command.Envelope.Data))
	assert.Equal(t, canonical, command.Envelope.CorrelationID)
}

func TestRefusalsAreForwarded(t *testing.T) {
	t.Parallel()
	w := newEnvironment(t)
	w.platform.AddBatch("b1", domain.BatchReport{Owner: "u1"})
	for _, status := range []int{400, 402, 404, 409, 429} {
		w.platform.SetPreflight("b1", ports.PreflightResult{Refusal: &ports.Passthrough{
			Status: status, ContentType: "application/problem+json", RetryAfter: "17", Body: []byte(`{ "their": "own" }`),
		}})
		r := startPipeline(t, w, `{"requested_pipeline":"nlp"}`)
		require.Equal(t, status, r.StatusCode)
		requireCommonHeaders(t, r)
		assert.Equal(t, `{ "their": "own" }`, r.body)
		assert.Equal(t, "application/problem+json", r.Header.Get("Content-Type"))
		assert.Equal(t, []string{"17"}, r.Header.Values("Retry-After"))
	}
	w.platform.SetPreflight("b1", ports.PreflightResult{Refusal: &ports.Passthrough{Status: 402, Body: []byte(`{}`)}})
	r := startPipeline(t, w, `{"requested_pipeline":"nlp"}`)
	assert.Equal(t, "application/json", r.Header.Get("Content-Type"))
	assert.Empty(t, r.Header.Values("Retry-After"))
	assert.Empty(t, w.platform.Commands())
}

func TestBatchOfAnotherUserIsRefused(t *testing.T) {
	t.Parallel()
	w := newEnvironment(t)
	w.platform.AddBatch("b1", domain.BatchReport{Owner: "u2"})
	r := startPipeline(t, w, `{"requested_pipeline":"nlp"}`)
	f := requireError(t, r, 403, "AUTHORIZATION_ERROR")
	assert.Equal(t, map[string]any{"batch_id": "b1", "requested_by": "u1"}, f.Details)
	assert.NotContains(t, r.body, "u2")
	assert.Empty(t, w.platform.Commands())
}

func TestBatchInPathAndBodyMustMatch(t *testing.T) {
	t.Parallel()
	w := newEnvironment(t)
	r := startPipeline(t, w, `{"batch_id":"b2","requested_pipeline":"nlp"}`)
	f := requireError(t, r, 400, "VALIDATION_ERROR")
	assert.Equal(t, "Batch ID in path must match batch ID in request body", f.Message)
	assert.Equal(t, map[string]any{"field": "batch_id", "expected": "b1", "value": "b2"}, f.Details)
}

func TestMediaTypes(t *testing.T) {
	t.Parallel()
	w := newEnvironment(t)
	w.platform.AddBatch("b1", domain.BatchReport{Owner: "u1"})
	for header, status := range map[string]int{
		"Content-Type: application/json":                                202,
		"Content-Type: application/json; charset=utf-8":                 202,
		"Content-Type: Application/JSON":                                202,
		"Content-Type: application/merge+json":                          202,
		"Content-Type: ":                                                202,
		"Content-Encoding: identity":                                    202,
		"Content-Type: text/json":                                       415,
		"Content-Type: application/x-www-form":                          415,
		"Content-Type: ;":                                               415,
		"Content-Encoding: gzip":                                        415,
		"Content-Encoding: identity|Content-Encoding: gzip":             415,
		"Content-Type: application/json|Content-Type: text/plain":       415,
		"Content-Type: application/json|Content-Type: application/json": 415,
	} {
		r := startPipeline(t, w, `{"requested_pipeline":"nlp"}`, strings.Split(header, "|")...)
		require.Equal(t, status, r.StatusCode, header)
		if status == 415 {
			requireError(t, r, 415, domain.InvalidRequest)
		}
	}
}

func TestBodiesAreBounded(t *testing.T) {
	t.Parallel()
	w := newEnvironment(t, with(func(p *httpserver.GatewayParts) { p.Config.MaxBodyBytes = 1000 }))
	w.platform.AddBatch("b1", domain.BatchReport{Owner: "u1"})
	small := `{"requested_pipeline":"nlp"}`
	full := small + strings.Repeat(" ", 1000-len(small))
	require.Equal(t, 202, startPipeline(t, w, full).StatusCode)
	r := startPipeline(t, w, full+" ")
	f := requireError(t, r, 413, "VALIDATION_ERROR")
	assert.Equal(t, map[string]any{"limit_bytes": 1000.0}, f.Details)

	chunked := "POST /v1/batches/b1/pipelines HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer u1\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
	answer := sendRaw(t, w.Addr(), chunked+"3e9\r\n"+full+" \r\n0\r\n\r\n")
	assert.Contains(t, answer, "HTTP/1.1 413 ", "the size is known only from the body")
	answer = sendRaw(t, w.Addr(), chunked+"3e8\r\n"+full+"\r\n0\r\n\r\n")
	assert.Contains(t, answer, "HTTP/1.1 202 ")
	answer = sendRaw(t, w.Addr(), chunked+"zz\r\n")
	assert.Contains(t, answer, "HTTP/1.1 400 ")
	assert.Contains(t, answer, `"code":"INVALID_REQUEST","message":"Request body could not be read"`)
}

// TestForwardedRefusalsAreNeverHTML checks that the answer of another service gets a type that
// no browser runs.
func TestForwardedRefusalsAreNeverHTML(t *testing.T) {
	t.Parallel()
	w := newEnvironment(t)
	w.platform.AddBatch("b1", domain.BatchReport{Owner: "u1", Overall: "ready_for_pipeline_execution", Document: []byte(`{}`)})
	for _, c := range []struct{ declared, body, want string }{
		{"text/html", "<script>alert(1)</script>", "text/plain; charset=utf-8"},
		{"image/svg+xml", "<svg/>", "text/plain; charset=utf-8"},
		{"text/html; charset=utf-8", `{"allowed":false}`, "application/json"},
		{"application/xhtml+xml", "<html/>", "text/plain; charset=utf-8"},
		{"", "no", "text/plain; charset=utf-8"},
		{"", "", "application/json"},
		{";", "{}", "application/json"},
		{"application/json; charset=utf-8", "<html>", "application/json; charset=utf-8"},
		{"application/problem+json", "{}", "application/problem+json"},
	} {
		w.platform.SetPreflight("b1", ports.PreflightResult{Refusal: &ports.Passthrough{Status: 402, ContentType: c.declared, Body: []byte(c.body)}})
		r := startPipeline(t, w, `{"requested_pipeline":"nlp"}`)
		require.Equal(t, 402, r.StatusCode)
		require.Equal(t, c.body, r.body)
		require.Equal(t, c.want, r.Header.Get("Content-Type"), c.declared)
		requireCommonHeaders(t, r)
	}
}
