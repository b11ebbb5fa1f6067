package kafka_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	kafkago "github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/huleedu/edge/adapters/kafka"
	"github.com/huleedu/edge/app"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/background"
)

// fakePublisher is a ports.NotificationPublisher that stores the events of each user once and
// fails on demand.
type fakePublisher struct {
	mu         sync.Mutex
	events     map[domain.UserID][]string // event ids in order
	duplicates int
	controls   int
	failures   map[domain.UserID]error
	traces     []trace.SpanContext
	changed    chan struct{} // closed and replaced by each call of Publish
}

func newFakePublisher() *fakePublisher {
	return &fakePublisher{
		events: map[domain.UserID][]string{}, failures: map[domain.UserID]error{}, changed: make(chan struct{}),
	}
}

func (p *fakePublisher) Publish(ctx context.Context, n domain.Notification) (domain.PublishResult, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	defer func() { close(p.changed); p.changed = make(chan struct{}) }()
	if ctx.Err() != nil {
		return domain.PublishResult{}, domain.Unreachable("redis", ctx.Err())
	}
	p.traces = append(p.traces, trace.SpanContextFromContext(ctx))
	if err := p.failures[n.User]; err != nil {
		return domain.PublishResult{}, err
	}
	if slices.Contains(p.events[n.User], n.EventID) {
		p.duplicates++
		return domain.PublishResult{Duplicate: true}, nil
	}
	p.events[n.User] = append(p.events[n.User], n.EventID)
	return domain.PublishResult{ID: fmt.Sprint(len(p.events[n.User]))}, nil
}

// Control fails with the error of the user "control".
func (p *fakePublisher) Control(context.Context, domain.UserID) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.controls++
	return p.failures["control"]
}

// controlCount returns the number of calls of Control.
func (p *fakePublisher) controlCount() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.controls
}

// failUser makes Publish fail for the user; a nil error ends that.
func (p *fakePublisher) failUser(user domain.UserID, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.failures[user] = err
}

// ids returns the ids of the user's events in the order of their arrival.
func (p *fakePublisher) ids(user domain.UserID) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.events[user])
}

// total returns the number of stored events of all users.
func (p *fakePublisher) total() (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, ids := range p.events {
		n += len(ids)
	}
	return n
}

// duplicateCount returns the number of events that were published again.
func (p *fakePublisher) duplicateCount() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.duplicates
}

// await waits until ok returns true. It calls ok after each call of Publish.
func (p *fakePublisher) await(t testing.TB, what string, ok func() bool) {
	t.Helper()
	limit := time.After(60 * time.Second)
	for {
		p.mu.Lock()
		changed := p.changed
		p.mu.Unlock()
		if ok() {
			return
		}
		select {
		case <-changed:
		case <-limit:
			t.Fatalf("not in time: %s", what)
		}
	}
}

// awaitIDs waits until the user has as many events, and requires exactly these in this order.
func (p *fakePublisher) awaitIDs(t *testing.T, user domain.UserID, want []string) {
	t.Helper()
	p.await(t, fmt.Sprintf("%d events of %s", len(want), user), func() bool { return len(p.ids(user)) >= len(want) })
	require.Equal(t, want, p.ids(user))
}

// scenario is a topic and a group with everything that a consumer needs.
type scenario struct {
	addr, topic, group string
	published          *fakePublisher
	facts              *facts
	traces             trace.TracerProvider
	config             func(*kafka.ConsumerConfig)
	log                io.Writer
}

func newScenario(addr string) *scenario {
	return &scenario{
		addr: addr, topic: uniqueName("notifications"), group: uniqueName("group"),
		published: newFakePublisher(), facts: &facts{}, traces: noop.NewTracerProvider(), config: func(*kafka.ConsumerConfig) {},
		log: io.Discard,
	}
}

// runningConsumer is a consumer whose Run is active.
type runningConsumer struct {
	*kafka.Consumer
	stop func()
}

// start runs a new consumer until stop or the end of the test.
func (s *scenario) start(t testing.TB) *runningConsumer {
	t.Helper()
	return (&runningConsumer{Consumer: s.newConsumer(t)}).run(t)
}

// newConsumer returns a consumer that is not running yet.
func (s *scenario) newConsumer(t testing.TB) *kafka.Consumer {
	t.Helper()
	config := kafka.ConsumerConfig{
		Brokers: s.addr, Group: s.group, ClientID: "test", MaxBytes: 262144, MaxAge: 24 * time.Hour,
		Topic: domain.Topic(s.topic),
	}
	s.config(&config)
	use := app.NewNotifications(app.NotificationConfig{Topic: domain.Topic(s.topic), MaxBytes: config.MaxBytes}, s.published, nil, s.facts)
	c, err := kafka.NewConsumer(config, use, s.facts, s.traces, slog.New(slog.NewTextHandler(s.log, nil)))
	require.NoError(t, err)
	return c
}

// run runs the consumer until stop or the end of the test.
func (r *runningConsumer) run(t testing.TB) *runningConsumer {
	t.Helper()
	return &runningConsumer{r.Consumer, background.Run(t, r.Run)}
}

// awaitHealth waits until the consumer reports the condition.
func (r *runningConsumer) awaitHealth(t *testing.T, want domain.Condition) domain.Health {
	t.Helper()
	require.Eventually(t, func() bool { return r.Health(t.Context()).Condition == want }, 40*time.Second, 20*time.Millisecond,
		"the health did not become %s", want)
	return r.Health(t.Context())
}

// event returns a notification for the user, as other services write it, and its id.
func (s *scenario) event(user domain.UserID, metadata map[string]string) (id string, value []byte) {
	id = uuid.NewString()
	data := map[string]any{
		"teacher_id": user, "notification_type": "class_created", "category": "class_management",
		"priority": "standard", "payload": map[string]any{"n": 1},
	}
	raw, _ := json.Marshal(data)
	value, _ = json.Marshal(domain.Envelope{
		EventID: id, EventType: s.topic, EventTimestamp: time.Now().UTC(), SourceService: "test",
		SchemaVersion: 1, CorrelationID: uuid.NewString(), Data: raw, Metadata: metadata,
	})
	return id, value
}

// produce writes records with another client library than the adapter.
func (s *scenario) produce(t testing.TB, records ...*kgo.Record) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(s.addr), kgo.DefaultProduceTopic(s.topic), kgo.AllowAutoTopicCreation(),
		kgo.MetadataMinAge(50*time.Millisecond), kgo.ProducerBatchMaxBytes(1<<20), kgo.ProducerBatchCompression(kgo.NoCompression()))
	require.NoError(t, err)
	defer client.Close()
	require.NoError(t, client.ProduceSync(t.Context(), records...).FirstErr())
}

// produceEvents writes events for the user and returns their ids.
func (s *scenario) produceEvents(t testing.TB, user domain.UserID, count int) []string {
	t.Helper()
	ids := make([]string, count)
	batch := make([]*kgo.Record, count)
	for i := range batch {
		id, value := s.event(user, nil)
		ids[i], batch[i] = id, &kgo.Record{Key: []byte(user), Value: value}
	}
	s.produce(t, batch...)
	return ids
}

// commitOffset commits the offset for each partition of the topic on behalf of the group.
func commitOffset(t *testing.T, s *scenario, offset int) {
	t.Helper()
	transport := &kafkago.Transport{}
	defer transport.CloseIdleConnections()
	client := &kafkago.Client{Addr: kafkago.TCP(s.addr), Transport: transport}
	var commits []kafkago.OffsetCommit
	for partition := range 3 {
		commits = append(commits, kafkago.OffsetCommit{Partition: partition, Offset: int64(offset)})
	}
	require.Eventually(t, func() bool { // the broker creates the coordinator on first use
		response, err := client.OffsetCommit(t.Context(), &kafkago.OffsetCommitRequest{
			GroupID: s.group, GenerationID: -1, Topics: map[string][]kafkago.OffsetCommit{s.topic: commits},
		})
		return err == nil && response.Topics[s.topic][0].Error == nil
	}, 20*time.Second, 50*time.Millisecond)
}
