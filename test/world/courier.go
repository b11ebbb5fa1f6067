package world

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	goredis "github.com/redis/go-redis/v9"
	"github.com/segmentio/kafka-go"
	"go.opentelemetry.io/otel/propagation"

	"github.com/huleedu/edge/domain"
)

// courier brings what the platform announces to Kafka and Redis. Without one of
// them, what would go there is dropped.
type courier struct {
	topic  domain.Topic
	prefix string
	kafka  *kafka.Writer
	// pool is the writer's own: the library's default one outlives it.
	pool  *kafka.Transport
	redis *goredis.Client
}

func newCourier(c PlatformConfig) (*courier, error) {
	out := &courier{topic: c.NotificationTopic, prefix: c.ChannelPrefix}
	if c.RedisURL != "" {
		options, err := goredis.ParseURL(c.RedisURL)
		if err != nil {
			return nil, fmt.Errorf("redis URL: %w", err)
		}
		out.redis = goredis.NewClient(options)
	}
	if c.KafkaAddr != "" {
		out.pool = &kafka.Transport{}
		out.kafka = &kafka.Writer{
			Transport: out.pool, Addr: kafka.TCP(brokers(c)...), Topic: string(c.NotificationTopic), Balancer: kafka.Murmur2Balancer{},
			BatchTimeout: time.Millisecond, RequiredAcks: kafka.RequireAll, AllowAutoTopicCreation: true,
		}
	}
	return out, nil
}

func (c *courier) close() {
	if c.kafka != nil {
		_ = c.kafka.Close() // everything was confirmed before
		c.pool.CloseIdleConnections()
	}
	if c.redis != nil {
		_ = c.redis.Close()
	}
}

func brokers(c PlatformConfig) []string { return strings.Split(c.KafkaAddr, ",") }

// Notify asks for one notification on Kafka and returns once the record is
// safe. The correlation id and the trace of ctx continue in it.
func (p *Platform) Notify(ctx context.Context, teacher domain.UserID, n Notice) error {
	return p.courier.ask(ctx, teacher, n)
}

// Tell publishes a direct message to a teacher on Redis, as some services do:
// who is not connected at this moment never gets it.
func (p *Platform) Tell(ctx context.Context, teacher domain.UserID, event string, data map[string]any) error {
	return p.courier.tell(ctx, teacher, event, data)
}

// ask writes a notification's record; the teacher's id is its key, so that one
// teacher's notifications keep their order.
func (c *courier) ask(ctx context.Context, teacher domain.UserID, n Notice) error {
	if c.kafka == nil {
		return nil
	}
	trail := domain.TrailOf(ctx)
	if trail.Correlation == "" {
		trail.Correlation = uuid.NewString()
	}
	data, err := n.Data(teacher, trail.Correlation)
	if err != nil {
		return fmt.Errorf("notification %s: %w", n.Type, err)
	}
	metadata := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, metadata)
	envelope := domain.Envelope{
		EventID: uuid.NewString(), EventType: string(c.topic), EventTimestamp: time.Now().UTC(),
		SourceService: "batch_orchestrator_service", SchemaVersion: domain.SchemaVersion,
		CorrelationID: trail.Correlation, Data: data, Metadata: metadata,
	}
	value, err := json.Marshal(envelope)
	if err != nil {
		return fmt.Errorf("notification %s: %w", n.Type, err)
	}
	return c.kafka.WriteMessages(ctx, kafka.Message{Key: []byte(teacher), Value: value})
}

// tell publishes on the teacher's channel.
func (c *courier) tell(ctx context.Context, teacher domain.UserID, event string, data map[string]any) error {
	if c.redis == nil {
		return nil
	}
	if data == nil {
		data = map[string]any{} // a message without data has an empty object
	}
	frame, err := json.Marshal(struct {
		Event string         `json:"event"`
		Data  map[string]any `json:"data"`
	}{event, data})
	if err != nil {
		return fmt.Errorf("message %s: %w", event, err)
	}
	return c.redis.Publish(ctx, c.prefix+string(teacher), frame).Err()
}

// topicsLimit bounds how long Kafka may take to answer at the start.
const topicsLimit = 20 * time.Second

// ensureTopics creates the platform's topics where they are missing: a reader
// that joins before its topic exists waits long for it.
func ensureTopics(ctx context.Context, c PlatformConfig) error {
	ctx, cancel := context.WithTimeout(ctx, topicsLimit)
	defer cancel()
	transport := &kafka.Transport{}
	defer transport.CloseIdleConnections()
	client := &kafka.Client{Addr: kafka.TCP(brokers(c)...), Transport: transport}
	request := &kafka.CreateTopicsRequest{}
	for _, topic := range []domain.Topic{c.CommandTopic, c.NotificationTopic} {
		request.Topics = append(request.Topics, kafka.TopicConfig{
			Topic: string(topic), NumPartitions: 3, ReplicationFactor: 1,
		})
	}
	for {
		answer, err := client.CreateTopics(ctx, request)
		if err == nil {
			return refusedTopics(answer.Errors)
		}
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("create topics on %s: %w", c.KafkaAddr, err)
		}
	}
}

func refusedTopics(answers map[string]error) error {
	for topic, err := range answers {
		if err != nil && !errors.Is(err, kafka.TopicAlreadyExists) {
			return fmt.Errorf("create topic %s: %w", topic, err)
		}
	}
	return nil
}
