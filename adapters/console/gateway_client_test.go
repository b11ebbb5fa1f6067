package console_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/console"
)

// serve starts a server that sends one status and body to every request. The
// returned request is overwritten with each request that the server receives.
func serve(t *testing.T, status int, body string) (console.GatewayClient, *http.Request) {
	t.Helper()
	last := &http.Request{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		*last = *r.Clone(r.Context())
		last.Header.Set("X-Body", string(raw))
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		s.Close()
	})
	return console.GatewayClient{URL: s.URL, Token: "tok"}, last
}

func TestStartPipelineSendsTokenAndBody(t *testing.T) {
	g, seen := serve(t, http.StatusAccepted, `{"status":"accepted","message":"m","batch_id":"b/1","correlation_id":"c"}`)
	response, err := g.StartPipeline(t.Context(), "b/1", "nlp")
	require.NoError(t, err)
	require.Equal(t, console.PipelineResponse{Status: "accepted", Message: "m", BatchID: "b/1", CorrelationID: "c"}, response)
	require.Equal(t, "/v1/batches/b%2F1/pipelines", seen.URL.EscapedPath())
	require.Equal(t, "Bearer tok", seen.Header.Get("Authorization"))
	require.JSONEq(t, `{"batch_id":"b/1","requested_pipeline":"nlp"}`, seen.Header.Get("X-Body"))
}

func TestStatusReportsFinalStatus(t *testing.T) {
	g, _ := serve(t, http.StatusOK, `{"status":"completed_successfully","details":{"essay_count":3,"completed_essay_count":3}}`)
	p, err := g.Status(t.Context(), "b1")
	require.NoError(t, err)
	require.True(t, p.Done())
	require.Equal(t, 3, p.Details.CompletedEssays)
	require.False(t, console.BatchStatus{Status: "processing"}.Done())
}

func TestErrorResponsesAreFormatted(t *testing.T) {
	g, _ := serve(t, http.StatusForbidden, `{"error":{"code":"AUTHORIZATION_ERROR","message":"Ownership violation","correlation_id":"c-1","details":{"requested_by":"u1","batch_id":"b1"}}}`)
	_, err := g.Status(t.Context(), "b1")
	require.EqualError(t, err, "Ownership violation (AUTHORIZATION_ERROR, 403)\n  batch_id: b1\n  requested_by: u1\n  correlation id: c-1")

	g, _ = serve(t, http.StatusPaymentRequired, ` {"allowed":false} `)
	_, err = g.StartPipeline(t.Context(), "b1", "nlp")
	require.EqualError(t, err, `refused with 402: {"allowed":false}`)
}

func TestInvalidResponsesAreErrors(t *testing.T) {
	g, _ := serve(t, http.StatusOK, `<html>`)
	_, err := g.Status(t.Context(), "b1")
	require.ErrorContains(t, err, "decode the response of the gateway")

	g.URL = "http://127.0.0.1:1"
	_, err = g.Status(t.Context(), "b1")
	require.ErrorContains(t, err, "does not respond")

	g.URL = "::"
	_, err = g.Status(t.Context(), "b1")
	require.ErrorContains(t, err, "build the request")
}
