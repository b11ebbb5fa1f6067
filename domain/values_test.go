package domain_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
)

func TestParseUserID(t *testing.T) {
	for _, good := range []string{"u1", "läraren", "a b", strings.Repeat("ä", 255), "x}"} {
		id, err := domain.ParseUserID(good)
		require.NoError(t, err, good)
		require.Equal(t, domain.UserID(good), id)
	}
	for _, empty := range []string{"", "  ", "\t", "\u00a0"} {
		_, err := domain.ParseUserID(empty)
		require.ErrorIs(t, err, domain.ErrEmptyUserID)
	}
	for _, bad := range []string{"a\nb", "}u", strings.Repeat("ä", 256), "a\x00", "\xff", "a\u0085b"} {
		_, err := domain.ParseUserID(bad)
		require.ErrorIs(t, err, domain.ErrInvalidUserID, "%q", bad)
	}
}

func TestClientStatusOf(t *testing.T) {
	cases := map[string]domain.ClientStatus{
		"awaiting_content_validation": "pending_content", "awaiting_pipeline_configuration": "pending_content", "REGISTERED": "pending_content",
		"ready_for_pipeline_execution": "ready",
		"processing_pipelines":         "processing", "awaiting_student_validation": "processing", "student_validation_completed": "processing",
		"validation_timeout_processed": "processing", "PROCESSING": "processing",
		"COMPLETED": "completed_successfully", "PARTIALLY_COMPLETED": "completed_with_failures",
		"content_ingestion_failed": "failed", "failed_critically": "failed", "FAILED": "failed", "CANCELLED": "cancelled",
	}
	for _, s := range domain.ClientStatuses() {
		cases[string(s)] = s
	}
	for overall, want := range cases {
		got, known := domain.ClientStatusOf(overall)
		require.True(t, known, overall)
		require.Equal(t, want, got, overall)
	}
	for _, odd := range []string{"", "Ready", "registered"} {
		got, known := domain.ClientStatusOf(odd)
		require.False(t, known, odd)
		require.Equal(t, domain.PendingContent, got)
	}
}

func TestPlatformStatusIsTheFirstInternalStatus(t *testing.T) {
	want := map[domain.ClientStatus]string{
		"pending_content": "awaiting_content_validation", "ready": "ready_for_pipeline_execution",
		"processing": "processing_pipelines", "failed": "content_ingestion_failed",
		"completed_successfully": "completed_successfully", "completed_with_failures": "completed_with_failures", "cancelled": "cancelled",
	}
	for _, s := range domain.ClientStatuses() {
		require.Equal(t, want[s], s.PlatformStatus())
		back, known := domain.ClientStatusOf(s.PlatformStatus())
		require.True(t, known)
		require.Equal(t, s, back)
	}
}

func TestWithIDCompletesTheFrame(t *testing.T) {
	frame := []byte(`{"event":"e","data":{}}`)
	require.JSONEq(t, `{"event":"e","data":{},"id":"7-0"}`, string(domain.WithID(frame, "7-0")))
	require.Equal(t, `{"event":"e","data":{}}`, string(frame))
}

func TestDocumentsAreEmbeddedAsTheyAre(t *testing.T) {
	out, err := json.Marshal([]domain.Document{domain.Document(`{"a":1.50}`)})
	require.NoError(t, err)
	require.Equal(t, `[{"a":1.50}]`, string(out))
}

func TestContextContainsTheRequestIDs(t *testing.T) {
	require.Zero(t, domain.RequestContextOf(context.Background()))
	ids := domain.RequestContext{CorrelationID: "c", RequestID: "r"}
	require.Equal(t, ids, domain.RequestContextOf(domain.WithRequestContext(context.Background(), ids)))
}

func TestEnvironmentsAreAClosedList(t *testing.T) {
	for _, e := range []domain.Environment{domain.Development, domain.Staging, domain.Production, domain.Testing} {
		require.True(t, e.Known())
	}
	require.False(t, domain.Environment("prod").Known())
}

func TestPipelinesMatchTheContract(t *testing.T) {
	require.Equal(t, []domain.Pipeline{"spellcheck", "ai_feedback", "cj_assessment", "nlp", "student_matching"}, domain.Pipelines())
}
