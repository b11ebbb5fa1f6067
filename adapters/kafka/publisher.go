package kafka

import (
	"context"
	"log/slog"
	"maps"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/huleedu/edge/adapters/internal/dependency"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// tracerName names this package's spans.
const tracerName = "github.com/huleedu/edge/adapters/kafka"

// dependencyName names Kafka in health responses, logs and metrics.
const dependencyName = "kafka"

// Publisher publishes commands to Kafka; it implements ports.CommandPublisher. It connects
// with the first command and reconnects when the brokers respond again.
type Publisher struct {
	producer    *producer
	health      *brokerHealth
	timeout     time.Duration
	observer    ports.Observer
	tracer      trace.Tracer
	spanOptions []trace.SpanStartOption
}

// NewPublisher returns a publisher. It returns INITIALIZATION_FAILED only if the security
// settings cannot be used, never because the brokers are unreachable. The caller must call
// Close.
func NewPublisher(c PublisherConfig, o ports.Observer, tp trace.TracerProvider, log *slog.Logger) (*Publisher, error) {
	newClient, err := newClientFactory(c.Brokers, c.Security, domain.GatewaySource)
	if err != nil {
		return nil, domain.NotStarted("kafka publisher", err).WithOp("kafka.NewPublisher")
	}
	dialer, err := newDialer(c.Security, domain.GatewaySource)
	if err != nil {
		return nil, domain.NotStarted("kafka publisher", err).WithOp("kafka.NewPublisher")
	}
	health := newBrokerHealth(dialer, addresses(c.Brokers))
	health.state = dependency.NewTracker(dependency.Config{Name: dependencyName, Address: c.Brokers}, o, log)
	return &Publisher{
		producer: newProducer(newClient, log), timeout: c.Timeout, health: health,
		observer: o, tracer: tp.Tracer(tracerName),
		spanOptions: []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindProducer), trace.WithAttributes(
			semconv.MessagingSystemKafka, semconv.MessagingOperationTypeSend)},
	}, nil
}

// Publish returns nil when all in-sync replicas have the command. It returns at the latest
// when ctx is done or the publish timeout has passed. Errors: VALIDATION_ERROR for a command
// that is too large (with ReasonTooLarge) or that the brokers reject for its content,
// CONFIGURATION_ERROR when the brokers reject the topic, the permissions or the settings, and
// KAFKA_PUBLISH_ERROR, which means that the outcome is unknown.
func (p *Publisher) Publish(ctx context.Context, c domain.Command) error {
	ctx, span := p.tracer.Start(ctx, "gateway.publish_command", p.spanOptions...)
	defer span.End()
	if span.IsRecording() {
		span.SetAttributes(
			attribute.String("batch.id", string(c.Batch)),
			attribute.String("pipeline", string(c.Pipeline)),
			attribute.String("user.id", string(c.Caller.User)),
			semconv.MessagingDestinationName(string(c.Topic)))
	}
	if err := p.publish(ctx, c); err != nil {
		failure := domain.As(err).WithOp("kafka.Publish")
		span.SetAttributes(semconv.ErrorTypeKey.String(string(failure.Code)))
		span.SetStatus(codes.Error, failure.Message)
		return failure
	}
	p.observer.Observe(domain.EventPublished{Topic: c.Topic, EventType: c.Envelope.EventType})
	return nil
}

// Run sends a health check to the brokers every few seconds until ctx is done, and returns
// nil. Only Health needs it.
func (p *Publisher) Run(ctx context.Context) error {
	p.health.run(ctx)
	return nil
}

// Health reports whether a broker responds and the last commands were published. It sends no
// request, but waits for the first health check of Run, for at most a second. It is never
// worse than degraded, because all nodes share Kafka.
func (p *Publisher) Health(ctx context.Context) domain.Health { return p.health.health(ctx) }

// publish sends one command and records the result for Health and the metrics. A command
// over the size limit is neither sent nor recorded.
func (p *Publisher) publish(ctx context.Context, c domain.Command) error {
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	value, err := encode(ctx, c.Envelope)
	if err != nil {
		return err
	}
	if len(value) > domain.MaxCommandBytes {
		return domain.CommandTooLarge(domain.MaxCommandBytes)
	}
	start := time.Now()
	err = p.send(ctx, c, value)
	p.health.recordPublish(err)
	p.observer.Observe(domain.PublishEnded{Duration: time.Since(start)})
	if err != nil {
		return publishFailure(string(c.Topic), err)
	}
	return nil
}

// publishFailure converts an error of the producer to an error of the port.
func publishFailure(topic string, err error) *domain.Error {
	switch classifyError(err).outcome {
	case recordTooLarge:
		return domain.CommandTooLarge(0).WithCause(err)
	case recordInvalid:
		return domain.CommandRefused(err)
	case misconfigured:
		return domain.PublishingMisconfigured(topic, err)
	case unknown:
		return domain.NotPublished(topic, err)
	default:
		return domain.NotPublished(topic, err)
	}
}

// send hands the encoded command to the producer.
func (p *Publisher) send(ctx context.Context, c domain.Command, value []byte) error {
	return p.producer.send(ctx, kafkago.Message{
		Topic: string(c.Topic), Key: []byte(c.Key), Value: value, Time: time.Now(),
		Headers: []kafkago.Header{
			{Key: "event_id", Value: []byte(c.Envelope.EventID)},
			{Key: "event_type", Value: []byte(c.Envelope.EventType)},
			{Key: "trace_id", Value: []byte(c.Envelope.CorrelationID)},
			{Key: "source_service", Value: []byte(c.Envelope.SourceService)},
		},
	})
}

// encode returns the envelope as JSON with the trace context of ctx in its metadata. It does
// not change the caller's envelope.
func encode(ctx context.Context, e domain.Envelope) ([]byte, error) {
	metadata := make(map[string]string, len(e.Metadata)+2)
	maps.Copy(metadata, e.Metadata)
	propagation.TraceContext{}.Inject(ctx, propagation.MapCarrier(metadata))
	e.Metadata = metadata
	return e.Encode()
}

// Close rejects further commands and waits for those in progress. If ctx is done first, it
// abandons them and returns TIMEOUT. It may be called more than once.
func (p *Publisher) Close(ctx context.Context) error {
	if err := p.producer.close(ctx); err != nil {
		return domain.TimedOut("flushing commands", p.timeout, err).WithOp("kafka.Close")
	}
	return nil
}
