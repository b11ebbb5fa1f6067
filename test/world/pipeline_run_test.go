package world_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	goredis "github.com/redis/go-redis/v9"
	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/app"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/recorded"
	"github.com/huleedu/edge/test/servers"
	"github.com/huleedu/edge/test/world"
)

const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

// scenario is a platform with its brokers and a Redis subscription.
type scenario struct {
	platform *world.Platform
	config   world.PlatformConfig
	redis    *goredis.PubSub
}

// newScenario starts a platform with topics, a consumer group and batches of its own
// and subscribes to a teacher's Redis channel.
func newScenario(t *testing.T, kafkaAddr, redisURL string, teacher domain.UserID) scenario {
	t.Helper()
	own := uuid.NewString()
	s := scenario{config: world.PlatformConfig{
		KafkaAddr: kafkaAddr, RedisURL: redisURL, Pace: 20 * time.Millisecond, Group: own,
		CommandTopic: domain.Topic("commands." + own), NotificationTopic: domain.Topic("notifications." + own),
	}}
	s.platform = startPlatform(t, s.config)
	options, err := goredis.ParseURL(redisURL)
	require.NoError(t, err)
	client := goredis.NewClient(options)
	t.Cleanup(func() { _ = client.Close() })
	s.redis = client.Subscribe(t.Context(), "ws:"+string(teacher))
	t.Cleanup(func() { _ = s.redis.Close() })
	_, err = s.redis.Receive(t.Context()) // the subscription is confirmed
	require.NoError(t, err)
	return s
}

func embedded(t *testing.T) (kafkaAddr, redisURL string) {
	t.Helper()
	k := servers.EmbeddedKafka(t)
	r := servers.EmbeddedRedis(t)
	return k.Addr(), r.URL()
}

// command publishes a pipeline command once per event id and returns its
// correlation id.
func (s scenario) command(t *testing.T, batch domain.BatchID, pipeline domain.Pipeline, eventIDs ...string) string {
	t.Helper()
	request := domain.RequestContext{CorrelationID: uuid.NewString()}
	ctx := domain.WithRequestContext(t.Context(), request)
	transport := &kafka.Transport{}
	defer transport.CloseIdleConnections()
	w := &kafka.Writer{
		Addr: kafka.TCP(s.config.KafkaAddr), Topic: string(s.config.CommandTopic), Transport: transport,
		BatchTimeout: time.Millisecond, RequiredAcks: kafka.RequireAll, Balancer: kafka.Murmur2Balancer{},
	}
	defer func() { require.NoError(t, w.Close()) }()
	for _, id := range eventIDs {
		c := domain.PipelineCommand(ctx, domain.Caller{User: "teacher-anna"},
			domain.PipelineRequest{Batch: batch, Pipeline: pipeline}, id)
		c.Envelope.EventType = string(s.config.CommandTopic)
		c.Envelope.Metadata = map[string]string{"traceparent": traceparent}
		value, err := json.Marshal(c.Envelope)
		require.NoError(t, err)
		require.NoError(t, w.WriteMessages(ctx, kafka.Message{Key: []byte(batch), Value: value}))
	}
	return request.CorrelationID
}

// notifications reads n records of the notification topic. All are of one teacher
// and therefore in order.
func (s scenario) notifications(t *testing.T, n int) []kafka.Message {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	r := kafka.NewReader(kafka.ReaderConfig{
		Brokers: []string{s.config.KafkaAddr}, Topic: string(s.config.NotificationTopic), GroupID: uuid.NewString(),
		StartOffset: kafka.FirstOffset, MinBytes: 1, MaxBytes: 1 << 20, MaxWait: 100 * time.Millisecond,
	})
	defer func() { require.NoError(t, r.Close()) }()
	records := make([]kafka.Message, 0, n)
	for len(records) < n {
		m, err := r.FetchMessage(ctx)
		require.NoError(t, err, "after %d of %d", len(records), n)
		records = append(records, m)
	}
	return records
}

// directMessages receives n direct messages and formats them as "batch_phase_concluded:spellcheck:status".
func (s scenario) directMessages(t *testing.T, n int, correlation string) []string {
	t.Helper()
	words := make([]string, 0, n)
	for len(words) < n {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		m, err := s.redis.ReceiveMessage(ctx)
		cancel()
		require.NoError(t, err, "after %v", words)
		var frame struct {
			Event string
			Data  map[string]string
		}
		require.NoError(t, json.Unmarshal([]byte(m.Payload), &frame))
		require.Equal(t, correlation, frame.Data["correlation_id"])
		require.NotEmpty(t, frame.Data["timestamp"])
		words = append(words, frame.Event+":"+frame.Data["phase"]+frame.Data["essay_id"]+":"+frame.Data["status"])
	}
	return words
}

// recordingPublisher stores the notifications that the notification service accepts.
type recordingPublisher struct{ notifications []domain.Notification }

func (a *recordingPublisher) Publish(_ context.Context, n domain.Notification) (domain.PublishResult, error) {
	a.notifications = append(a.notifications, n)
	return domain.PublishResult{ID: "1-0"}, nil
}

func (*recordingPublisher) Control(context.Context, domain.UserID) error { return nil }

// frames passes the records to the notification service and returns the events
// of the resulting frames.
func (s scenario) frames(t *testing.T, records []kafka.Message, correlation string) []string {
	t.Helper()
	sink := &recordingPublisher{}
	service := app.NewNotifications(app.NotificationConfig{Topic: s.config.NotificationTopic}, sink, nil, recorded.NoFacts{})
	events := make([]string, 0, len(records))
	for i := range records {
		m := &records[i]
		envelope, err := domain.ParseEnvelope(m.Value)
		require.NoError(t, err)
		require.Equal(t, traceparent, envelope.Metadata["traceparent"], "the trace of the command continues")
		require.Equal(t, correlation, envelope.CorrelationID)
		_, err = service.Accept(t.Context(), envelope)
		require.NoError(t, err)
		require.Equal(t, string(m.Key), string(sink.notifications[i].User))
		var frame struct {
			Event string
			Data  map[string]any
		}
		require.NoError(t, json.Unmarshal(sink.notifications[i].Frame, &frame))
		require.Equal(t, correlation, frame.Data["correlation_id"])
		events = append(events, frame.Event)
	}
	return events
}

func (s scenario) status(t *testing.T, batch string) map[string]any {
	t.Helper()
	return call(t, "GET", s.platform.AggregatorURL()+"/internal/v1/batches/"+batch+"/status", "", internalHeaders()).members(t)
}

func (s scenario) runBatch(t *testing.T) {
	t.Helper()
	s.platform.AddBatch(world.Batch{ID: "b1", Owner: "teacher-anna", Essays: 2})
	correlation := s.command(t, "b1", "cj_assessment", uuid.NewString())

	records := s.notifications(t, 6)
	require.Equal(t, []string{
		"batch_processing_started", "batch_spellcheck_completed", "batch_cj_assessment_completed",
		"pipeline_completed", "batch_assessment_completed", "batch_results_ready",
	}, s.frames(t, records, correlation))
	require.Equal(t, []string{
		"essay_status_updated:b1-essay-1:spellcheck_completed", "essay_status_updated:b1-essay-2:spellcheck_completed",
		"batch_phase_concluded:spellcheck:completed_successfully",
		"essay_status_updated:b1-essay-1:cj_assessment_completed", "essay_status_updated:b1-essay-2:cj_assessment_completed",
		"batch_phase_concluded:cj_assessment:completed_successfully",
	}, s.directMessages(t, 6, correlation))

	m := s.status(t, "b1")
	require.Equal(t, "completed_successfully", m["overall_status"])
	require.Equal(t, "cj_assessment", m["requested_pipeline"])
	require.InDelta(t, 2, m["completed_essay_count"], 0)
	require.NotNil(t, m["processing_completed_at"])
	require.Nil(t, m["current_phase"])
}

func TestPlatformRunsABatch(t *testing.T) {
	kafkaAddr, redisURL := embedded(t)
	newScenario(t, kafkaAddr, redisURL, "teacher-anna").runBatch(t)
}

func TestPlatformRunsABatchOnRealServers(t *testing.T) {
	s := newScenario(t, servers.Kafka(t), servers.Redis(t), "teacher-anna")
	s.runBatch(t)
}

func TestPlatformReportsPhasesOfARunningPipeline(t *testing.T) {
	kafkaAddr, redisURL := embedded(t)
	s := newScenario(t, kafkaAddr, redisURL, "teacher-anna")
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
	kafkaAddr, redisURL := embedded(t)
	s := newScenario(t, kafkaAddr, redisURL, "teacher-anna")
	s.platform.AddBatch(world.Batch{ID: "b1", Owner: "teacher-anna", Essays: 1})
	id := uuid.NewString()
	correlation := s.command(t, "b1", "spellcheck", id)
	s.frames(t, s.notifications(t, 4), correlation)

	s.command(t, "b1", "spellcheck", id)
	s.command(t, "unknown", "spellcheck", uuid.NewString())
	s.command(t, "batch-anna-3", "spellcheck", uuid.NewString()) // not ready
	s.command(t, "b1", "nlp", uuid.NewString())
	var started int
	for _, m := range s.notifications(t, 4+5) {
		if strings.Contains(string(m.Value), `"batch_processing_started"`) {
			started++
		}
	}
	require.Equal(t, 2, started)
}

func TestPlatformNotifiesOfMissingCredits(t *testing.T) {
	kafkaAddr, redisURL := embedded(t)
	s := newScenario(t, kafkaAddr, redisURL, "teacher-cecilia")
	correlation := s.command(t, "batch-cecilia-1", "cj_assessment", uuid.NewString())
	records := s.notifications(t, 1)
	require.Equal(t, []string{"pipeline_denied_insufficient_credits"}, s.frames(t, records, correlation))
	require.Equal(t, "teacher-cecilia", string(records[0].Key))
	require.Equal(t, "ready_for_pipeline_execution", s.status(t, "batch-cecilia-1")["overall_status"])
}

func TestPlatformIgnoresInvalidCommands(t *testing.T) {
	kafkaAddr, redisURL := embedded(t)
	s := newScenario(t, kafkaAddr, redisURL, "teacher-anna")
	transport := &kafka.Transport{}
	defer transport.CloseIdleConnections()
	w := &kafka.Writer{Addr: kafka.TCP(kafkaAddr), Topic: string(s.config.CommandTopic), Transport: transport, BatchTimeout: time.Millisecond}
	require.NoError(t, w.WriteMessages(t.Context(),
		kafka.Message{Value: []byte("no json")},
		kafka.Message{Value: []byte(`{"event_id":"1","event_type":"another","data":{}}`)},
		kafka.Message{Value: []byte(`{"event_id":"2","event_type":"` + string(s.config.CommandTopic) + `","data":[]}`)},
	))
	require.NoError(t, w.Close())
	s.platform.AddBatch(world.Batch{ID: "b1", Owner: "teacher-anna", Essays: 1})
	correlation := s.command(t, "b1", "spellcheck", uuid.NewString())
	s.frames(t, s.notifications(t, 4), correlation)
}

func TestPlatformSendsEveryNotificationType(t *testing.T) {
	kafkaAddr, redisURL := embedded(t)
	s := newScenario(t, kafkaAddr, redisURL, "teacher-anna")
	sink := &recordingPublisher{}
	service := app.NewNotifications(app.NotificationConfig{Topic: s.config.NotificationTopic}, sink, nil, recorded.NoFacts{})
	notices := append(world.NotificationRequests(), world.NotificationRequestOf("something_new"))
	for i, n := range notices {
		n.Batch, n.Class, n.Payload = "b1", "c1", map[string]any{"n": i}
		require.NoError(t, s.platform.Notify(t.Context(), "teacher-anna", n))
	}
	for i, m := range s.notifications(t, len(notices)) {
		envelope, err := domain.ParseEnvelope(m.Value)
		require.NoError(t, err)
		_, err = service.Accept(t.Context(), envelope)
		require.NoError(t, err)
		var frame struct {
			Event string
			Data  map[string]any
		}
		require.NoError(t, json.Unmarshal(sink.notifications[i].Frame, &frame))
		require.Equal(t, notices[i].Type, frame.Event)
		require.Equal(t, notices[i].Category, frame.Data["category"])
		require.Equal(t, notices[i].ActionRequired, frame.Data["action_required"])
		require.Equal(t, "b1", frame.Data["batch_id"])
		require.Equal(t, "c1", frame.Data["class_id"])
		require.InDelta(t, i, frame.Data["n"], 0)
	}
	require.NoError(t, s.platform.PublishDirect(t.Context(), "teacher-anna", "ping", map[string]any{"correlation_id": "c", "timestamp": "now"}))
	require.Equal(t, []string{"ping::"}, s.directMessages(t, 1, "c"))
}
