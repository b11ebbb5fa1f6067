package redisreplies_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	goredis "github.com/redis/go-redis/v9"
	kafkago "github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/huleedu/edge/adapters/kafka"
	"github.com/huleedu/edge/adapters/memory"
	"github.com/huleedu/edge/adapters/redis"
	"github.com/huleedu/edge/app"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/recorded"
	"github.com/huleedu/edge/test/servers"
	"github.com/huleedu/edge/test/world"
)

const (
	topic    = "notifications"
	group    = "group"
	patience = 30 * time.Second
)

// environment is a running consumer of a broker, which stores in an embedded Redis.
type environment struct {
	store    *world.Redis
	redis    *goredis.Client // a client of the store
	broker   *world.Kafka
	producer *kgo.Client
	consumer *kafka.Consumer
	facts    memory.Facts
	log      *recorded.Log
	sent     int64 // number of produced records
}

func newEnvironment(t *testing.T, change func(*kafka.ConsumerConfig)) *environment {
	t.Helper()
	r := servers.EmbeddedRedis(t)
	k := servers.EmbeddedKafka(t, topic)
	e := &environment{store: r, broker: k, log: recorded.NewLog(t)}
	options, err := goredis.ParseURL(r.URL())
	require.NoError(t, err)
	e.redis = goredis.NewClient(options)
	t.Cleanup(func() { _ = e.redis.Close() })
	e.producer, err = kgo.NewClient(kgo.SeedBrokers(k.Addr()), kgo.DefaultProduceTopic(topic))
	require.NoError(t, err)
	t.Cleanup(e.producer.Close)
	e.start(t, change)
	return e
}

// start runs the consumer until the test ends.
func (e *environment) start(t *testing.T, change func(*kafka.ConsumerConfig)) {
	t.Helper()
	client, err := redis.Open(redis.Config{
		URL: domain.Secret(e.store.URL()), ConnectTimeout: time.Second, SocketTimeout: time.Second,
	})
	require.NoError(t, err)
	t.Cleanup(func() { _ = client.Close() })
	notifier := redis.NewNotifier(client, redis.NotifierConfig{Max: 256, TTL: time.Hour}, "ws:")
	config := kafka.ConsumerConfig{
		Brokers: e.broker.Addr(), Group: group, ClientID: "test", MaxBytes: 1 << 18, MaxAge: time.Hour, Topic: topic,
	}
	if change != nil {
		change(&config)
	}
	use := app.NewNotifications(app.NotificationConfig{Topic: topic}, notifier, nil, &e.facts)
	e.consumer, err = kafka.NewConsumer(config, use, &e.facts, noop.NewTracerProvider(), slog.New(slog.NewJSONHandler(e.log, nil)))
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- e.consumer.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
	})
}

// isScript reports whether a command runs a script.
func isScript(name string) bool { return strings.HasPrefix(name, "EVAL") }

// produce writes a valid notification for the user.
func (e *environment) produce(t *testing.T, user string) {
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
	require.NoError(t, e.producer.ProduceSync(t.Context(), &kgo.Record{Key: []byte(user), Value: value}).FirstErr())
	e.sent++
}

// handled returns how many attempts to process a record had the result.
func (e *environment) handled(result domain.NotificationResult) int {
	return e.facts.Count(func(fact domain.Fact) bool {
		f, is := fact.(domain.NotificationHandled)
		return is && f.Result == result
	})
}

// isDegraded reports whether the consumer last reported that it is degraded.
func (e *environment) isDegraded() (degraded bool) {
	for _, fact := range e.facts.All() {
		if f, is := fact.(domain.ConsumerDegraded); is {
			degraded = f.Degraded
		}
	}
	return degraded
}

// committed returns how many records the group has committed.
func (e *environment) committed() (sum int64) {
	for _, offset := range e.broker.Committed(group, topic) {
		sum += offset
	}
	return sum
}

// subscribe subscribes a user's channel.
func (e *environment) subscribe(t *testing.T, user string) *goredis.PubSub {
	t.Helper()
	subscription := e.redis.Subscribe(t.Context(), "ws:"+user)
	t.Cleanup(func() { _ = subscription.Close() })
	_, err := subscription.Receive(t.Context())
	require.NoError(t, err)
	return subscription
}

// deadLetters returns the number of records in the dead-letter topic.
func (e *environment) deadLetters(t *testing.T) (sum int64) {
	t.Helper()
	transport := &kafkago.Transport{}
	defer transport.CloseIdleConnections()
	client := &kafkago.Client{Addr: kafkago.TCP(e.broker.Addr()), Transport: transport}
	found, err := client.Metadata(t.Context(), &kafkago.MetadataRequest{})
	require.NoError(t, err)
	for _, found := range found.Topics {
		if found.Name != topic+".dlq" {
			continue
		}
		for _, p := range found.Partitions {
			offsets, err := client.ListOffsets(t.Context(), &kafkago.ListOffsetsRequest{
				Topics: map[string][]kafkago.OffsetRequest{found.Name: {kafkago.LastOffsetOf(p.ID)}},
			})
			require.NoError(t, err)
			sum += offsets.Topics[found.Name][0].LastOffset
		}
	}
	return sum
}
