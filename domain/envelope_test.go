package domain_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
)

func TestParseEnvelopeNeedsIDTypeAndData(t *testing.T) {
	cases := map[string]string{
		"no json":          `{`,
		"no object":        `[]`,
		"null":             `null`,
		"no event id":      `{"event_type":"t","data":{}}`,
		"blank event id":   `{"event_id":"  ","event_type":"t","data":{}}`,
		"half a character": `{"event_id":"e\ud800","event_type":"t","data":{}}`,
		"numeric event id": `{"event_id":7,"event_type":"t","data":{}}`,
		"other case":       `{"EVENT_ID":"e","event_type":"t","data":{}}`,
		"no type":          `{"event_id":"e","data":{}}`,
		"no data":          `{"event_id":"e","event_type":"t"}`,
	}
	for name, record := range cases {
		_, err := domain.ParseEnvelope([]byte(record))
		require.Equal(t, domain.ParsingError, domain.CodeOf(err), name)
		require.ErrorIs(t, err, domain.ErrNoEnvelope, name)
	}
}

func TestParseEnvelopeToleratesTheRest(t *testing.T) {
	e, err := domain.ParseEnvelope([]byte(`{"event_id":"e","event_type":"t","event_timestamp":5,"schema_version":"x",
		"source_service":null,"correlation_id":[],"data":{"a":1},"metadata":{"traceparent":"00-x","n":1,"z":null}}`))
	require.NoError(t, err)
	require.Equal(t, domain.Envelope{
		EventID: "e", EventType: "t", Data: json.RawMessage(`{"a":1}`), Metadata: map[string]string{"traceparent": "00-x"},
	}, e)
}

func TestPipelineCommandFillsTheEnvelope(t *testing.T) {
	ctx := domain.WithRequestContext(context.Background(), domain.RequestContext{CorrelationID: "c-1", RequestID: "r-1"})
	reason, assignment := "late", "a1"
	c := domain.PipelineCommand(ctx, domain.Caller{User: "u1", Org: "o1"}, domain.PipelineRequest{
		Batch: "b1", Pipeline: "nlp", IsRetry: true, RetryReason: &reason, Prompt: &domain.PromptPayload{AssignmentID: &assignment},
	}, "e-1")
	require.Equal(t, domain.CommandTopic, c.Topic)
	require.Equal(t, "b1", c.Key)

	wire, err := json.Marshal(c.Envelope)
	require.NoError(t, err)
	var keys map[string]any
	require.NoError(t, json.Unmarshal(wire, &keys))
	require.Len(t, keys, 9)
	stamp, ok := keys["event_timestamp"].(string)
	require.True(t, ok)
	require.True(t, strings.HasSuffix(stamp, "Z"))
	at, err := time.Parse(time.RFC3339Nano, stamp)
	require.NoError(t, err)
	require.WithinDuration(t, time.Now(), at, time.Minute)
	delete(keys, "event_timestamp")
	require.Equal(t, map[string]any{
		"event_id": "e-1", "event_type": "huleedu.commands.batch.pipeline.v1", "source_service": "api_gateway_service",
		"schema_version": 1.0, "correlation_id": "c-1", "data_schema_uri": nil, "metadata": map[string]any{"org_id": "o1"},
		"data": map[string]any{
			"batch_id": "b1", "requested_pipeline": "nlp", "client_correlation_id": "c-1", "user_id": "u1",
			"is_retry": true, "retry_reason": "late",
			"prompt_payload": map[string]any{"assignment_id": "a1", "cms_prompt_ref": nil},
		},
	}, keys)
}

func TestCommandWithoutOrganisationOrPrompt(t *testing.T) {
	c := domain.PipelineCommand(context.Background(), domain.Caller{User: "u1"}, domain.PipelineRequest{Batch: "b1", Pipeline: "nlp"}, "e")
	require.Empty(t, c.Envelope.Metadata)
	require.Contains(t, string(c.Envelope.Data), `"retry_reason":null,"prompt_payload":null`)
}

func FuzzParseEnvelope(f *testing.F) {
	f.Add([]byte(`{"event_id":"e","event_type":"t","data":{}}`))
	f.Add([]byte(`{"event_id":"e","event_type":"t","data":null,"metadata":{"a":"b"}}`))
	f.Fuzz(func(t *testing.T, record []byte) {
		e, err := domain.ParseEnvelope(record)
		if err != nil {
			require.Equal(t, domain.ParsingError, domain.CodeOf(err))
			return
		}
		require.NotEmpty(t, strings.TrimSpace(e.EventID))
		require.NotEmpty(t, e.EventType)
		require.True(t, json.Valid(e.Data))
	})
}

func TestEncodeWritesUTCAndValidDataOnly(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.FixedZone("", 3600))
	record, err := domain.Envelope{EventID: "e", EventType: "t", EventTimestamp: at, Data: json.RawMessage(`{"a":1}`)}.Encode()
	require.NoError(t, err)
	require.Contains(t, string(record), `"event_timestamp":"2026-01-02T02:04:05Z"`)
	back, err := domain.ParseEnvelope(record)
	require.NoError(t, err)
	require.JSONEq(t, `{"a":1}`, string(back.Data))
	_, err = domain.Envelope{Data: json.RawMessage(`{`)}.Encode()
	require.Equal(t, domain.UnknownError, domain.CodeOf(err))
}
