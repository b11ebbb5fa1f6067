package redisreplies_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	goredis "github.com/redis/go-redis/v9"
	kafkago "github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/huleedu/edge/adapters/kafka"
	"github.com/huleedu/edge/adapters/redis"
	"github.com/huleedu/edge/app"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/world"
)

const (
	topic    = "notifications"
	group    = "group"
	patience = 30 * time.Second
)

// counter is an observer that counts what became of records.
type counter struct {
	mu       sync.Mutex
	results  map[domain.NotificationResult]int
	degraded bool
}

func (c *counter) Observe(fact domain.Fact) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch f := fact.(type) {
	case domain.NotificationHandled:
		c.results[f.Result]++
	case domain.ConsumerDegraded:
		c.degraded = f.Degraded
	}
}

func (c *counter) of(result domain.NotificationResult) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.results[result]
}

func (c *counter) isDegraded() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.degraded
}

// lines is a log that remembers.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// since returns what was logged behind the mark, and the next mark.
func (l *lines) since(mark int) (string, int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()[mark:], l.text.Len()
}

// stage is a running consumer between a broker and a Redis behind a proxy.
type stage struct {
	proxy    *proxy
	redis    *goredis.Client // not through the proxy
	broker   *world.Kafka
	producer *kgo.Client
	consumer *kafka.Consumer
	facts    *counter
	log      *lines
	sent     int64
}

func newStage(t *testing.T, change func(*kafka.ConsumerConfig)) *stage {
	t.Helper()
	r, err := world.StartRedis("")
	require.NoError(t, err)
	t.Cleanup(r.Close)
	k, err := world.StartKafka("", topic)
	require.NoError(t, err)
	t.Cleanup(k.Close)
	s := &stage{
		proxy: startProxy(t, r.URL()), broker: k, log: &lines{},
		facts: &counter{results: map[domain.NotificationResult]int{}},
	}
	options, err := goredis.ParseURL(r.URL())
	require.NoError(t, err)
	s.redis = goredis.NewClient(options)
	t.Cleanup(func() { _ = s.redis.Close() })
	s.producer, err = kgo.NewClient(kgo.SeedBrokers(k.Addr()), kgo.DefaultProduceTopic(topic))
	require.NoError(t, err)
	t.Cleanup(s.producer.Close)
	s.start(t, change)
	return s
}

// start runs the consumer until the end of the test.
func (s *stage) start(t *testing.T, change func(*kafka.ConsumerConfig)) {
	t.Helper()
	client, err := redis.Open(redis.Config{
		URL: domain.Secret(s.proxy.url()), ConnectTimeout: time.Second, SocketTimeout: time.Second,
	})
	require.NoError(t, err)
	t.Cleanup(func() { _ = client.Close() })
	notifier := redis.NewNotifier(client, redis.NotifierConfig{Max: 256, TTL: time.Hour}, "ws:")
	config := kafka.ConsumerConfig{
		Brokers: s.broker.Addr(), Group: group, ClientID: "test", MaxBytes: 1 << 18, MaxAge: time.Hour, Topic: topic,
	}
	if change != nil {
		change(&config)
	}
	use := app.NewNotifications(app.NotificationConfig{Topic: topic}, notifier, nil, s.facts)
	s.consumer, err = kafka.NewConsumer(config, use, s.facts, noop.NewTracerProvider(), slog.New(slog.NewJSONHandler(s.log, nil)))
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.consumer.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
	})
}

// produce writes a good notification for the user.
func (s *stage) produce(t *testing.T, user string) {
	t.Helper()
	data, err := json.Marshal(map[string]any{
		"teacher_id": user, "notification_type": "class_created", "category": "class_management",
		"priority": "standard", "payload": map[string]any{"n": 1},
	})
	require.NoError(t, err)
	value, err := json.Marshal(domain.Envelope{
		EventID: uuid.NewString(), EventType: topic, EventTimestamp: time.Now().UTC(), SourceService: "test",
		SchemaVersion: 1, CorrelationID: uuid.NewString(), Data: data,
	})
	require.NoError(t, err)
	require.NoError(t, s.producer.ProduceSync(t.Context(), &kgo.Record{Key: []byte(user), Value: value}).FirstErr())
	s.sent++
}

// committed is how many records the group has finished.
func (s *stage) committed() (sum int64) {
	for _, offset := range s.broker.Committed(group, topic) {
		sum += offset
	}
	return sum
}

// hears follows a user's channel as a node does.
func (s *stage) hears(t *testing.T, user string) *goredis.PubSub {
	t.Helper()
	ear := s.redis.Subscribe(t.Context(), "ws:"+user)
	t.Cleanup(func() { _ = ear.Close() })
	_, err := ear.Receive(t.Context())
	require.NoError(t, err)
	return ear
}

// deadLetters returns how many records the dead-letter topic holds.
func (s *stage) deadLetters(t *testing.T) (sum int64) {
	t.Helper()
	transport := &kafkago.Transport{}
	defer transport.CloseIdleConnections()
	client := &kafkago.Client{Addr: kafkago.TCP(s.broker.Addr()), Transport: transport}
	found, err := client.Metadata(t.Context(), &kafkago.MetadataRequest{})
	require.NoError(t, err)
	for _, one := range found.Topics {
		if one.Name != topic+".dlq" {
			continue
		}
		for _, p := range one.Partitions {
			offsets, err := client.ListOffsets(t.Context(), &kafkago.ListOffsetsRequest{
				Topics: map[string][]kafkago.OffsetRequest{one.Name: {kafkago.LastOffsetOf(p.ID)}},
			})
			require.NoError(t, err)
			sum += offsets.Topics[one.Name][0].LastOffset
		}
	}
	return sum
}
