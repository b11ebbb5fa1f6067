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

// notifier publishes the platform's notifications on Kafka and Redis. Without one
// of the two, messages for it are dropped.
type notifier struct {
	topic  domain.Topic
	prefix string
	kafka  *kafka.Writer
	// transport belongs to the writer, because connections of the default transport stay open after Close.
	transport *kafka.Transport
	redis     *goredis.Client
}

func newNotifier(c PlatformConfig) (*notifier, error) {
	out := &notifier{topic: c.NotificationTopic, prefix: c.ChannelPrefix}
	if c.RedisURL != "" {
		options, err := goredis.ParseURL(c.RedisURL)
		if err != nil {
			return nil, fmt.Errorf("redis URL: %w", err)
		}
		out.redis = goredis.NewClient(options)
	}
	if c.KafkaAddr != "" {
		out.transport = &kafka.Transport{}
		out.kafka = &kafka.Writer{
			Transport: out.transport, Addr: kafka.TCP(brokers(c)...), Topic: string(c.NotificationTopic), Balancer: kafka.Murmur2Balancer{},
			BatchTimeout: time.Millisecond, RequiredAcks: kafka.RequireAll, AllowAutoTopicCreation: true,
		}
	}
	return out, nil
}

func (c *notifier) close() {
	if c.kafka != nil {
		_ = c.kafka.Close() // all writes have been confirmed
		c.transport.CloseIdleConnections()
	}
	if c.redis != nil {
		_ = c.redis.Close()
	}
}

func brokers(c PlatformConfig) []string { return strings.Split(c.KafkaAddr, ",") }

// Notify publishes a notification on Kafka and returns when the broker has
// confirmed the record. The record carries the correlation id and trace of ctx.
func (p *Platform) Notify(ctx context.Context, teacher domain.UserID, n NotificationRequest) error {
	return p.notifier.publishKafka(ctx, teacher, n)
}

// PublishDirect publishes a direct message on the teacher's Redis channel. Clients that are
// not connected at that moment do not receive it.
func (p *Platform) PublishDirect(ctx context.Context, teacher domain.UserID, event string, data map[string]any) error {
	return p.notifier.publishRedis(ctx, teacher, event, data)
}

// publishKafka writes the record of a notification. The teacher's id is the key, so that
// notifications of one teacher stay in order.
func (c *notifier) publishKafka(ctx context.Context, teacher domain.UserID, n NotificationRequest) error {
	if c.kafka == nil {
		return nil
	}
	request := domain.RequestContextOf(ctx)
	if request.CorrelationID == "" {
		request.CorrelationID = uuid.NewString()
	}
	data, err := n.Data(teacher, request.CorrelationID)
	if err != nil {
		return fmt.Errorf("notification %s: %w", n.Type, err)
	}
	metadata := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, metadata)
	envelope := domain.Envelope{
		EventID: uuid.NewString(), EventType: string(c.topic), EventTimestamp: time.Now().UTC(),
		SourceService: "batch_orchestrator_service", SchemaVersion: domain.SchemaVersion,
		CorrelationID: request.CorrelationID, Data: data, Metadata: metadata,
	}
	value, err := json.Marshal(envelope)
	if err != nil {
		return fmt.Errorf("notification %s: %w", n.Type, err)
	}
	return c.kafka.WriteMessages(ctx, kafka.Message{Key: []byte(teacher), Value: value})
}

// publishRedis publishes a message on the teacher's channel.
func (c *notifier) publishRedis(ctx context.Context, teacher domain.UserID, event string, data map[string]any) error {
	if c.redis == nil {
		return nil
	}
	if data == nil {
		data = map[string]any{} // encode missing data as an empty object
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

// createTopicsTimeout limits the creation of the topics at the start.
const createTopicsTimeout = 20 * time.Second

// ensureTopics creates the platform's topics if they do not exist. A reader that
// joins before its topic exists would find it only after a long delay.
func ensureTopics(ctx context.Context, c PlatformConfig) error {
	ctx, cancel := context.WithTimeout(ctx, createTopicsTimeout)
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
			return topicsError(answer.Errors)
		}
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("create topics on %s: %w", c.KafkaAddr, err)
		}
	}
}

func topicsError(answers map[string]error) error {
	for topic, err := range answers {
		if err != nil && !errors.Is(err, kafka.TopicAlreadyExists) {
			return fmt.Errorf("create topic %s: %w", topic, err)
		}
	}
	return nil
}
