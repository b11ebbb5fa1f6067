package world_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/servers"
	"github.com/huleedu/edge/test/world"
)

// scenario is a platform with its brokers.
type scenario struct {
	platform *world.Platform
	config   world.PlatformConfig
}

// newScenario starts a platform on embedded servers.
func newScenario(t *testing.T) scenario {
	t.Helper()
	s := scenario{config: world.PlatformConfig{
		KafkaAddr: servers.EmbeddedKafka(t).Addr(), RedisURL: servers.EmbeddedRedis(t).URL(), Pace: 20 * time.Millisecond,
		CommandTopic: "commands", NotificationTopic: "notifications",
	}}
	s.platform = startPlatform(t, s.config)
	return s
}

// command publishes a pipeline command.
func (s scenario) command(t *testing.T, batch domain.BatchID, pipeline domain.Pipeline, eventID string) {
	t.Helper()
	c := domain.PipelineCommand(t.Context(), domain.Caller{User: "teacher-anna"}, domain.PipelineRequest{Batch: batch, Pipeline: pipeline}, eventID)
	c.Envelope.EventType = string(s.config.CommandTopic)
	value, err := json.Marshal(c.Envelope)
	require.NoError(t, err)
	s.write(t, value)
}

// write writes records to the topic of commands.
func (s scenario) write(t *testing.T, values ...[]byte) {
	t.Helper()
	transport := &kafka.Transport{}
	defer transport.CloseIdleConnections()
	w := &kafka.Writer{Addr: kafka.TCP(s.config.KafkaAddr), Topic: string(s.config.CommandTopic), Transport: transport, BatchTimeout: time.Millisecond}
	for _, value := range values {
		require.NoError(t, w.WriteMessages(t.Context(), kafka.Message{Key: []byte("one partition"), Value: value}))
	}
	require.NoError(t, w.Close())
}

// notifications reads n records of the notification topic and returns their types. All are of one teacher and
// therefore in order.
func (s scenario) notifications(t *testing.T, n int) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	r := kafka.NewReader(kafka.ReaderConfig{
		Brokers: []string{s.config.KafkaAddr}, Topic: string(s.config.NotificationTopic), GroupID: uuid.NewString(),
		StartOffset: kafka.FirstOffset, MinBytes: 1, MaxBytes: 1 << 20, MaxWait: 100 * time.Millisecond,
	})
	defer func() { require.NoError(t, r.Close()) }()
	types := make([]string, 0, n)
	for len(types) < n {
		m, err := r.FetchMessage(ctx)
		require.NoError(t, err, "after %v", types)
		var record struct {
			Data struct {
				Type string `json:"notification_type"`
			}
		}
		require.NoError(t, json.Unmarshal(m.Value, &record))
		types = append(types, record.Data.Type)
	}
	return types
}

func (s scenario) status(t *testing.T, batch string) map[string]any {
	t.Helper()
	return call(t, "GET", s.platform.AggregatorURL()+"/internal/v1/batches/"+batch+"/status", "", internalHeaders()).members(t)
}

func TestPlatformReportsPhasesOfARunningPipeline(t *testing.T) {
	s := newScenario(t)
	seen := map[string]bool{}
	s.command(t, "batch-anna-2", "nlp", uuid.NewString())
	require.Eventually(t, func() bool {
		m := s.status(t, "batch-anna-2")
		phase, _ := m["current_phase"].(string)
		overall, _ := m["overall_status"].(string)
		seen[overall+"/"+phase] = true
		return m["overall_status"] == "completed_with_failures"
	}, 20*time.Second, time.Millisecond)
	require.True(t, seen["processing_pipelines/spellcheck"], seen)
	require.True(t, seen["processing_pipelines/nlp"], seen)
	m := s.status(t, "batch-anna-2")
	require.InDelta(t, 1, m["failed_essay_count"], 0)
	require.InDelta(t, 4, m["completed_essay_count"], 0)
}

func TestPlatformRunsARepeatedCommandOnce(t *testing.T) {
	s := newScenario(t)
	s.platform.AddBatch(world.Batch{ID: "b1", Owner: "teacher-anna", Essays: 1})
	s.command(t, "b1", "spellcheck", "once")
	first := s.notifications(t, 4)
	s.command(t, "b1", "spellcheck", "once")
	s.command(t, "unknown", "spellcheck", uuid.NewString())
	s.command(t, "batch-anna-3", "spellcheck", uuid.NewString()) // not ready
	s.command(t, "b1", "nlp", uuid.NewString())
	require.Equal(t, append(first, "batch_processing_started", "batch_spellcheck_completed", "batch_nlp_completed"), s.notifications(t, 4+3))
}

func TestPlatformNotifiesOfMissingCredits(t *testing.T) {
	s := newScenario(t)
	s.command(t, "batch-cecilia-1", "cj_assessment", uuid.NewString())
	require.Equal(t, []string{"pipeline_denied_insufficient_credits"}, s.notifications(t, 1))
	require.Equal(t, "ready_for_pipeline_execution", s.status(t, "batch-cecilia-1")["overall_status"])
}

func TestPlatformIgnoresInvalidCommands(t *testing.T) {
	s := newScenario(t)
	s.write(t, []byte("no json"), []byte(`{"event_id":"1","event_type":"another","data":{}}`),
		[]byte(`{"event_id":"2","event_type":"`+string(s.config.CommandTopic)+`","data":[]}`))
	s.platform.AddBatch(world.Batch{ID: "b1", Owner: "teacher-anna", Essays: 1})
	s.command(t, "b1", "spellcheck", uuid.NewString())
	require.Equal(t, "batch_processing_started", s.notifications(t, 4)[0])
}
