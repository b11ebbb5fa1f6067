package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"

	"github.com/huleedu/edge/domain"
)

const (
	// keepPause is the longest wait between two attempts to hand over a record,
	// and so how late it may be for a Redis that is back.
	keepPause = time.Second
	// burialLimit bounds one attempt to write a dead letter.
	burialLimit = 5 * time.Second
	// logEvery thins the log of an outage: one line per so many attempts.
	logEvery = 60
	// maxCorrelation bounds what a span repeats of a foreign id, in bytes.
	maxCorrelation = 64
)

var (
	errTooLarge = errors.New("record is too large")
	errPanic    = errors.New("panic while handing over")
)

// settle brings a record to its end: handed over, buried, or too old to
// matter. It tries for as long as it takes and returns false only when ctx is
// done first, with the record left as it was.
func (c *Consumer) settle(ctx context.Context, m kafkago.Message) bool {
	for attempt := 0; ctx.Err() == nil; attempt++ {
		if !m.Time.IsZero() && time.Since(m.Time) > c.config.MaxAge {
			c.observe(domain.NotificationExpired, m)
			return true
		}
		if attempt == 0 {
			c.standing.note(m.Partition, part{written: m.Time})
		}
		err := c.attempt(ctx, m)
		if err == nil {
			return true
		}
		if ctx.Err() != nil {
			return false
		}
		c.standing.note(m.Partition, part{written: m.Time, err: err})
		c.observe(domain.NotificationRetried, m)
		if attempt%logEvery == 0 {
			c.log.WarnContext(ctx, "a notification waits on Kafka; trying again",
				"partition", m.Partition, "offset", m.Offset, "attempt", attempt+1, "error", err)
		}
		pause(ctx, backoff(attempt, keepPause))
	}
	return false
}

// attempt tries once. Nil means that the record is done with.
func (c *Consumer) attempt(ctx context.Context, m kafkago.Message) error {
	handover, err := c.accept(ctx, m)
	if err == nil {
		result := domain.NotificationPublished
		if handover.Duplicate {
			result = domain.NotificationDuplicate
		}
		c.observe(result, m)
		return nil
	}
	if ctx.Err() != nil {
		return err
	}
	switch v, _ := verdictOf(domain.CodeOf(err)); v {
	case pass:
		c.observe(domain.NotificationPublished, m)
		return nil
	case bury:
		return c.bury(ctx, m, err)
	default:
		return err
	}
}

// accept hands the record to the application, within a span that continues
// the trace of whoever wrote it. A panic is a record that can never succeed.
func (c *Consumer) accept(ctx context.Context, m kafkago.Message) (h domain.Handover, err error) {
	event, err := c.decode(m)
	ctx, span := c.tracer.Start(origin(ctx, event, m), "websocket.consume_notification", c.start...)
	if span.IsRecording() {
		span.SetAttributes(
			attribute.String("correlation_id", event.CorrelationID[:min(len(event.CorrelationID), maxCorrelation)]),
			attribute.Int("messaging.kafka.partition", m.Partition),
			attribute.Int64("messaging.kafka.offset", m.Offset))
	}
	defer func() {
		if p := recover(); p != nil {
			err = domain.Unknown(fmt.Errorf("%w: %v", errPanic, p)).At("kafka.Accept")
		}
		if err != nil {
			span.SetStatus(codes.Error, domain.PublicMessage(err))
		}
		span.End()
	}()
	if err != nil {
		return domain.Handover{}, err
	}
	return c.notifications.Accept(domain.WithTrail(ctx, domain.Trail{Correlation: event.CorrelationID}), event)
}

// decode reads the record's envelope.
func (c *Consumer) decode(m kafkago.Message) (domain.Envelope, error) {
	if len(m.Value) > c.config.MaxBytes {
		failure := domain.Invalid("record", "", fmt.Sprintf("at most %d bytes", c.config.MaxBytes), "Record is too large")
		failure.Kind = domain.TooLarge
		return domain.Envelope{}, failure.Because(errTooLarge).At("kafka.Accept")
	}
	return domain.ParseEnvelope(m.Value)
}

// origin returns ctx within the trace that the envelope names, or else the
// record's headers.
func origin(ctx context.Context, event domain.Envelope, m kafkago.Message) context.Context {
	carrier := propagation.MapCarrier{}
	for _, h := range m.Headers {
		if h.Key == "traceparent" || h.Key == "tracestate" {
			carrier[h.Key] = string(h.Value)
		}
	}
	if event.Metadata["traceparent"] != "" {
		carrier = event.Metadata
	}
	return propagation.TraceContext{}.Extract(ctx, carrier)
}

// bury puts the record, unchanged, on the dead-letter topic, with the reason
// and its place of origin.
func (c *Consumer) bury(ctx context.Context, m kafkago.Message, cause error) error {
	reason := string(domain.CodeOf(cause)) + ": " + domain.PublicMessage(cause)
	source := fmt.Sprintf("%s/%d/%d", m.Topic, m.Partition, m.Offset)
	limited, cancel := context.WithTimeout(ctx, burialLimit)
	defer cancel()
	err := c.dead.send(limited, kafkago.Message{
		Topic: m.Topic + ".dlq", Key: m.Key, Value: m.Value, Time: time.Now(),
		Headers: append(slices.Clone(m.Headers),
			kafkago.Header{Key: "dlq_reason", Value: []byte(reason)},
			kafkago.Header{Key: "dlq_source", Value: []byte(source)}),
	})
	if err != nil {
		return domain.NotPublished(m.Topic+".dlq", err).At("kafka.Bury")
	}
	c.log.WarnContext(ctx, "a record was put on the dead-letter topic", "source", source, "error", cause)
	c.observe(domain.NotificationDeadLetter, m)
	return nil
}

// observe counts what became of the record, with its age.
func (c *Consumer) observe(result domain.NotificationResult, m kafkago.Message) {
	fact := domain.NotificationHandled{Result: result}
	if !m.Time.IsZero() {
		fact.Lag = max(0, time.Since(m.Time))
	}
	c.observer.Observe(fact)
}
