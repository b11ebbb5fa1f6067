package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/huleedu/edge/adapters/internal/backoff"
	"github.com/huleedu/edge/domain"
)

const (
	// maxRetryPause is the longest wait between two attempts to process a record, and so the
	// longest delay of a record after Redis is available again.
	maxRetryPause = time.Second
	// maxCorrelation is the maximum length of a correlation id in a span, in bytes. Other
	// services choose it.
	maxCorrelation = 64
)

var errPanic = errors.New("panic while handing over")

// process repeats a record until it is published, skipped, or written to the dead-letter
// topic. It returns false if ctx is done first; then the record is unfinished.
func (c *Consumer) process(ctx context.Context, m kafkago.Message, l *lookups) bool {
	if c.timesUnknown {
		m.Time = time.Time{}
	}
	t := &recordState{record: m, lookups: l}
	for attempt := 0; ctx.Err() == nil; attempt++ {
		skipped, err := c.shouldSkip(ctx, t)
		if skipped {
			return true
		}
		if attempt == 0 {
			c.health.update(m.Partition, partitionHealth{written: t.record.Time})
		}
		if err == nil {
			err = c.attempt(ctx, t)
		}
		if err == nil {
			return true
		}
		if ctx.Err() != nil {
			return false
		}
		c.health.update(m.Partition, partitionHealth{written: t.record.Time, err: err})
		c.observe(domain.NotificationRetried, t.record)
		if attempt == 0 {
			c.logWaiting(ctx, m, err)
		}
		backoff.Wait(ctx, attempt, firstPause, maxRetryPause)
	}
	return false
}

// logWaiting logs the first failure of a record that is repeated until it succeeds. Where a
// dependency is away, its own line tells so, and this one is only for debugging.
func (c *Consumer) logWaiting(ctx context.Context, m kafkago.Message, err error) {
	code, level := domain.CodeOf(err), slog.LevelWarn
	if classify(code) != retry {
		return
	}
	if code == domain.ConnectionError || code == domain.Timeout {
		level = slog.LevelDebug
	}
	c.log.Log(ctx, level, "a notification waits on Kafka; trying again",
		"partition", m.Partition, "offset", m.Offset, "error", err)
}

// shouldSkip returns true if the record is a transaction marker or expired. An error means
// that this is not known yet.
func (c *Consumer) shouldSkip(ctx context.Context, t *recordState) (bool, error) {
	if looksLikeMarker(t.record) {
		span, err := c.spanOf(ctx, t)
		if err != nil {
			return false, err
		}
		if span.marker {
			c.warnOfMarkers(ctx, t.record)
			return true, nil
		}
	}
	if t.record.Time.IsZero() || time.Since(t.record.Time) <= c.config.MaxAge {
		return false, nil
	}
	span, err := c.spanOf(ctx, t)
	switch {
	case err != nil:
		return false, err
	case span.appendTime: // the age is unknown
		t.record.Time = time.Time{}
		return false, nil
	default:
		c.observe(domain.NotificationExpired, t.record)
		return true, nil
	}
}

// attempt processes the record once. It returns nil if the record is finished.
func (c *Consumer) attempt(ctx context.Context, t *recordState) error {
	published, err := c.accept(ctx, t.record)
	if err == nil {
		result := domain.NotificationPublished
		if published.Duplicate {
			result = domain.NotificationDuplicate
		}
		c.observe(result, t.record)
		return nil
	}
	if ctx.Err() != nil {
		return err
	}
	switch classify(domain.CodeOf(err)) {
	case countAsDone:
		c.observe(domain.NotificationPublished, t.record)
		return nil
	case toDeadLetter:
		return c.writeDeadLetter(ctx, t, err)
	case checkControl:
		return c.handleUnknown(ctx, t, err)
	default:
		return err
	}
}

// accept passes the record to the application, in a span that continues the producer's trace.
// It returns a panic as an error.
func (c *Consumer) accept(ctx context.Context, m kafkago.Message) (h domain.PublishResult, err error) {
	event, err := domain.ParseEnvelope(m.Value)
	ctx, span := c.tracer.Start(traceContext(ctx, event, m), "websocket.consume_notification", c.spanOptions...)
	if span.IsRecording() {
		span.SetAttributes(
			attribute.String("correlation_id", event.CorrelationID[:min(len(event.CorrelationID), maxCorrelation)]),
			semconv.MessagingDestinationPartitionID(strconv.Itoa(m.Partition)),
			semconv.MessagingKafkaOffset(int(m.Offset)))
	}
	defer func() {
		if p := recover(); p != nil {
			err = panicked("kafka.Accept", p)
		}
		if err != nil {
			span.SetAttributes(semconv.ErrorTypeKey.String(string(domain.CodeOf(err))))
			span.SetStatus(codes.Error, domain.PublicMessage(err))
		}
		span.End()
	}()
	if err != nil {
		return domain.PublishResult{}, err
	}
	return c.notifications.Accept(domain.WithRequestContext(ctx, domain.RequestContext{CorrelationID: event.CorrelationID}), event)
}

// traceContext returns ctx with the trace context of the envelope or, if that has none, of the
// record's headers.
func traceContext(ctx context.Context, event domain.Envelope, m kafkago.Message) context.Context {
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

// writeDeadLetter writes the record to the dead-letter topic, with its reason and source. After
// an error the caller must repeat it.
func (c *Consumer) writeDeadLetter(ctx context.Context, t *recordState, cause error) error {
	topic := DeadLetterTopic(t.record.Topic)
	record, err := c.original(ctx, t)
	if err != nil {
		return domain.NotPublished(topic, err).WithOp("kafka.WriteDeadLetter")
	}
	source := fmt.Sprintf("%s/%d/%d", t.record.Topic, t.record.Partition, t.record.Offset)
	form, err := c.deadLetters.write(ctx, deadLetter{original: record, reason: reason(cause), source: source, accepted: t.record.Time})
	if err != nil {
		return domain.NotPublished(topic, err).WithOp("kafka.WriteDeadLetter")
	}
	c.log.WarnContext(ctx, "a record was written to the dead-letter topic", "source", source, "form", form, "error", cause)
	c.observe(domain.NotificationDeadLetter, t.record)
	return nil
}

// observe reports the result of the record and its age, if that is known.
func (c *Consumer) observe(result domain.NotificationResult, m kafkago.Message) {
	fact := domain.NotificationHandled{Result: result}
	if !m.Time.IsZero() {
		fact.Lag = max(0, time.Since(m.Time))
	}
	c.observer.Observe(fact)
}
