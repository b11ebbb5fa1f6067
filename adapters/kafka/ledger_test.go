package kafka_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
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
)

// ledger is a ports.NotificationPublisher that keeps each event of a user once
// and fails on demand.
type ledger struct {
	mu       sync.Mutex
	kept     map[domain.UserID][]string // event ids in order
	repeats  int
	sum      int
	controls int
	refuse   map[domain.UserID]error
	traces   []trace.SpanContext
	moved    chan struct{} // closed and renewed at each call
}

func newLedger() *ledger {
	return &ledger{
		kept: map[domain.UserID][]string{}, refuse: map[domain.UserID]error{}, moved: make(chan struct{}),
	}
}

func (l *ledger) Publish(ctx context.Context, n domain.Notification) (domain.PublishResult, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer func() { close(l.moved); l.moved = make(chan struct{}) }()
	if ctx.Err() != nil {
		return domain.PublishResult{}, domain.Unreachable("redis", ctx.Err())
	}
	l.traces = append(l.traces, trace.SpanContextFromContext(ctx))
	if err := l.refuse[n.User]; err != nil {
		return domain.PublishResult{}, err
	}
	if slices.Contains(l.kept[n.User], n.EventID) {
		l.repeats++
		return domain.PublishResult{Duplicate: true}, nil
	}
	l.sum++
	l.kept[n.User] = append(l.kept[n.User], n.EventID)
	return domain.PublishResult{ID: fmt.Sprint(len(l.kept[n.User]))}, nil
}

// Control fails as every hand-over to the user "control" does.
func (l *ledger) Control(context.Context, domain.UserID) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.controls++
	return l.refuse["control"]
}

// controlled is how many controls there were.
func (l *ledger) controlled() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.controls
}

// refuseUser makes every hand-over to the user fail; nil ends it.
func (l *ledger) refuseUser(user domain.UserID, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refuse[user] = err
}

func (l *ledger) ids(user domain.UserID) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string(nil), l.kept[user]...)
}

// total is how many events it holds.
func (l *ledger) total() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.sum
}

// repeated is how many events came again.
func (l *ledger) repeated() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.repeats
}

// await returns once the ledger satisfies the condition.
func (l *ledger) await(t testing.TB, what string, ok func() bool) {
	t.Helper()
	limit := time.After(60 * time.Second)
	for {
		l.mu.Lock()
		moved := l.moved
		l.mu.Unlock()
		if ok() {
			return
		}
		select {
		case <-moved:
		case <-limit:
			t.Fatalf("not in time: %s", what)
		}
	}
}

// awaitIDs returns once the user has exactly these events, in this order.
func (l *ledger) awaitIDs(t *testing.T, user domain.UserID, want []string) {
	t.Helper()
	l.await(t, fmt.Sprintf("%d events of %s", len(want), user), func() bool { return len(l.ids(user)) >= len(want) })
	require.Equal(t, want, l.ids(user))
}

// stage is one topic and group with everything around a consumer.
type stage struct {
	addr, topic, group string
	ledger             *ledger
	facts              *facts
	traces             trace.TracerProvider
	config             func(*kafka.ConsumerConfig)
	log                io.Writer
}

func newStage(addr string) *stage {
	return &stage{
		addr: addr, topic: unique("notifications"), group: unique("group"),
		ledger: newLedger(), facts: &facts{}, traces: noop.NewTracerProvider(), config: func(*kafka.ConsumerConfig) {},
		log: io.Discard,
	}
}

// running is a consumer at work.
type running struct {
	*kafka.Consumer
	stop func()
}

// start runs a consumer until stop or the end of the test.
func (s *stage) start(t testing.TB) *running {
	t.Helper()
	return (&running{Consumer: s.newConsumer(t)}).again(t)
}

// newConsumer returns a consumer that does not run yet.
func (s *stage) newConsumer(t testing.TB) *kafka.Consumer {
	t.Helper()
	config := kafka.ConsumerConfig{
		Brokers: s.addr, Group: s.group, ClientID: "test", MaxBytes: 262144, MaxAge: 24 * time.Hour,
		Topic: domain.Topic(s.topic),
	}
	s.config(&config)
	use := app.NewNotifications(app.NotificationConfig{Topic: domain.Topic(s.topic), MaxBytes: config.MaxBytes}, s.ledger, nil, s.facts)
	c, err := kafka.NewConsumer(config, use, s.facts, s.traces, slog.New(slog.NewTextHandler(s.log, nil)))
	require.NoError(t, err)
	return c
}

// again runs the consumer, which does not run, until stop or the end of the test.
func (r *running) again(t testing.TB) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	stop := sync.OnceFunc(func() {
		cancel()
		require.NoError(t, <-ended)
	})
	t.Cleanup(stop)
	return &running{r.Consumer, stop}
}

// logged is a log that counts its lines.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// count is how often the words were logged.
func (l *logged) count(words string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), words)
}

// awaitHealth returns once the consumer says so.
func (r *running) awaitHealth(t *testing.T, want domain.Condition) domain.Health {
	t.Helper()
	require.Eventually(t, func() bool { return r.Health(t.Context()).Condition == want }, 40*time.Second, 20*time.Millisecond,
		"health never became %s", want)
	return r.Health(t.Context())
}

// event is a notification for the user as other services write it, with its id.
func (s *stage) event(user domain.UserID, metadata map[string]string) (id string, value []byte) {
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

// produce writes records with another client library than the adapter's own.
func (s *stage) produce(t testing.TB, records ...*kgo.Record) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(s.addr), kgo.DefaultProduceTopic(s.topic), kgo.AllowAutoTopicCreation(),
		kgo.MetadataMinAge(50*time.Millisecond), kgo.ProducerBatchMaxBytes(1<<20), kgo.ProducerBatchCompression(kgo.NoCompression()))
	require.NoError(t, err)
	defer client.Close()
	require.NoError(t, client.ProduceSync(t.Context(), records...).FirstErr())
}

// produceEvents writes that many events for the user and returns their ids.
func (s *stage) produceEvents(t testing.TB, user domain.UserID, count int) []string {
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

// commitAhead makes the group believe that it has come as far as the offset on
// every partition.
func commitAhead(t *testing.T, s *stage, offset int) {
	t.Helper()
	transport := &kafkago.Transport{}
	defer transport.CloseIdleConnections()
	client := &kafkago.Client{Addr: kafkago.TCP(s.addr), Transport: transport}
	var commits []kafkago.OffsetCommit
	for partition := range 3 {
		commits = append(commits, kafkago.OffsetCommit{Partition: partition, Offset: int64(offset)})
	}
	require.Eventually(t, func() bool { // the coordinator comes up with first use
		response, err := client.OffsetCommit(t.Context(), &kafkago.OffsetCommitRequest{
			GroupID: s.group, GenerationID: -1, Topics: map[string][]kafkago.OffsetCommit{s.topic: commits},
		})
		return err == nil && response.Topics[s.topic][0].Error == nil
	}, 20*time.Second, 50*time.Millisecond)
}
