package e2e_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
)

// journey runs a pipeline for one teacher with five sockets on two nodes. Each socket receives all
// notifications, and the status of the batch changes accordingly.
func journey(t *testing.T, s *running) {
	gateway, nodes := s.gateways[0], s.nodes[:2]
	teacher, batch := s.batch(2)
	var sockets []*socket
	for i := range 5 {
		sockets = append(sockets, connect(t, nodes[i%2].ws(), as(teacher)))
	}
	require.Equal(t, "ready", statusOf(t, gateway, teacher, batch))

	began, correlation := time.Now(), uuid.NewString()
	accepted := call(t, "POST", gateway.http(pipelinesPath(batch)), pipelineBody("cj_assessment"),
		headers{"X-Correlation-ID": strings.ToUpper(correlation)}.withToken(teacher))
	require.Equal(t, 202, accepted.status, "%s", &accepted)
	require.JSONEq(t, `{"status":"accepted","message":"Pipeline execution request received","batch_id":"`+
		string(batch)+`","correlation_id":"`+correlation+`"}`, string(accepted.body))
	require.Equal(t, correlation, accepted.header.Get("X-Correlation-ID"))

	require.Equal(t, []string{"processing", "completed_successfully"}, awaitStatuses(t, gateway, teacher, batch))
	checkCommand(t, s.commandOf(t, batch, began), accepted, teacher, batch)
	require.NoError(t, s.platform.PublishDirect(t.Context(), domain.UserID(teacher), "the end", nil))
	want := readAll(t, sockets[0])
	checkNotifications(t, want, correlation)
	for _, other := range sockets[1:] {
		require.Equal(t, want, readAll(t, other), "every socket gets the same frames in the same order")
	}
}

// awaitStatuses returns the statuses that the batch had until it is done.
func awaitStatuses(t *testing.T, gateway service, teacher string, batch domain.BatchID) (seen []string) {
	t.Helper()
	last := "ready" // the command may not be consumed yet
	require.Eventually(t, func() bool {
		if now := statusOf(t, gateway, teacher, batch); now != last {
			last, seen = now, append(seen, now)
		}
		return strings.HasPrefix(last, "completed")
	}, waitLimit, 10*time.Millisecond)
	return seen
}

func statusOf(t *testing.T, gateway service, teacher string, batch domain.BatchID) string {
	t.Helper()
	a := call(t, "GET", gateway.http(statusPath(batch)), "", as(teacher))
	require.Equal(t, 200, a.status, "%s", &a)
	require.NotContains(t, string(a.body), "user_id")
	word, _ := a.object(t)["status"].(string)
	return word
}

// checkCommand compares the record on Kafka with the contract.
func checkCommand(t *testing.T, r record, accepted response, teacher string, batch domain.BatchID) {
	t.Helper()
	correlation := accepted.header.Get("X-Correlation-ID")
	e := r.envelope
	require.NoError(t, uuid.Validate(e["event_id"].(string)))
	require.Equal(t, map[string]string{
		"event_id": e["event_id"].(string), "event_type": string(domain.CommandTopic),
		"trace_id": correlation, "source_service": "api_gateway_service",
	}, r.headers)
	require.Equal(t, map[string]any{
		"batch_id": string(batch), "requested_pipeline": "cj_assessment", "client_correlation_id": correlation,
		"user_id": teacher, "is_retry": false, "retry_reason": nil, "prompt_payload": nil,
	}, e["data"])
	require.Contains(t, e["metadata"].(map[string]any)["traceparent"], accepted.header.Get("X-Trace-ID"))
	written, err := time.Parse(time.RFC3339Nano, e["event_timestamp"].(string))
	require.NoError(t, err)
	require.WithinDuration(t, time.Now(), written, time.Minute)
	require.True(t, strings.HasSuffix(e["event_timestamp"].(string), "Z"))
	delete(e, "data")
	delete(e, "metadata")
	delete(e, "event_timestamp")
	require.Equal(t, map[string]any{
		"event_id": r.headers["event_id"], "event_type": string(domain.CommandTopic),
		"source_service": "api_gateway_service", "schema_version": 1.0,
		"correlation_id": correlation, "data_schema_uri": nil,
	}, e)
}

// readAll returns the frames up to the last one. It requires that no other follows.
func readAll(t *testing.T, s *socket) (texts []string) {
	t.Helper()
	for {
		text := s.text(t)
		if strings.Contains(text, `"the end"`) {
			return texts
		}
		texts = append(texts, text)
	}
}

// checkNotifications checks the order of the stored notifications, which have an id, and of the direct
// messages, which have none.
func checkNotifications(t *testing.T, texts []string, correlation string) {
	t.Helper()
	var stored, direct []string
	for _, text := range texts {
		var f frame
		require.NoError(t, json.Unmarshal([]byte(text), &f))
		require.Equal(t, correlation, f.Data["correlation_id"], text)
		if strings.HasPrefix(f.Event, "essay_") || f.Event == "batch_phase_concluded" {
			require.NotContains(t, text, `"id":`)
			direct = append(direct, f.Event)
			continue
		}
		require.Regexp(t, `^\d+-\d+$`, f.ID)
		for _, key := range []string{"category", "priority", "action_required", "deadline", "batch_id", "class_id", "timestamp"} {
			require.Contains(t, f.Data, key)
		}
		require.NotContains(t, f.Data, "teacher_id")
		stored = append(stored, f.Event)
	}
	require.Equal(t, []string{
		"batch_processing_started", "batch_spellcheck_completed", "batch_cj_assessment_completed",
		"pipeline_completed", "batch_assessment_completed", "batch_results_ready",
	}, stored)
	require.Equal(t, []string{
		"essay_status_updated", "essay_status_updated", "batch_phase_concluded",
		"essay_status_updated", "essay_status_updated", "batch_phase_concluded",
	}, direct)
}
