package kafka

import (
	"context"
	"errors"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/huleedu/edge/domain"
)

// originalAttempts is how often the broker is asked for a record again before the
// copy that the reader handed out must do.
const originalAttempts = 5

// The sizes of a transaction marker's key (version, type) and value (version,
// epoch of the coordinator), and the largest known type.
const (
	markerKey    = 4
	markerValue  = 6
	markerCommit = 1
)

// looksLikeMarker reports whether the record has the sizes of a transaction
// marker. No notification is that short.
func looksLikeMarker(m kafkago.Message) bool {
	return len(m.Key) == markerKey && len(m.Value) == markerValue && len(m.Headers) == 0
}

// original reads the record from the broker again. Where the broker does not have
// it any more, or could not be asked several times, it is the reader's copy, and
// the marker is told by its bytes. An error means that it must be tried again.
func (c *Consumer) original(ctx context.Context, t *trial) (original, error) {
	return c.lookUp(ctx, t, 1)
}

func (c *Consumer) lookUp(ctx context.Context, t *trial, maxBytes int64) (original, error) {
	found, spans, err := c.fetchOriginal(ctx, t.record, maxBytes)
	if err == nil {
		c.remember(t.record.Partition, spans)
		return found, nil
	}
	t.searches++
	final := errors.Is(err, errNoOriginal) || errors.Is(err, kafkago.OffsetOutOfRange)
	if !final && t.searches < originalAttempts {
		return original{}, domain.Unreachable("kafka", err).At("kafka.LookUp")
	}
	found = copyOf(t.record)
	if looksLikeMarker(t.record) {
		key := t.record.Key
		found.marker = key[0] == 0 && key[1] == 0 && key[2] == 0 && key[3] <= markerCommit
	}
	return found, nil
}

// hasAppendTime reports whether the time of the record's batch is the one at which
// the broker appended it. What one fetch tells of several batches is remembered,
// so that a backlog of old records is not fetched record by record.
func (c *Consumer) hasAppendTime(ctx context.Context, t *trial) (bool, error) {
	if span, known := c.spanOf(t.record.Partition, t.record.Offset); known {
		return span.appendTime, nil
	}
	found, err := c.lookUp(ctx, t, fetchBytes)
	return found.appendTime, err
}

// spanOf returns the remembered batch that holds the offset.
func (c *Consumer) spanOf(partition int, offset int64) (batchSpan, bool) {
	c.spansMu.Lock()
	defer c.spansMu.Unlock()
	for _, span := range c.spans[partition] {
		if span.first <= offset && offset <= span.last {
			return span, true
		}
	}
	return batchSpan{}, false
}

// remember keeps what the last fetch told of the partition's batches.
func (c *Consumer) remember(partition int, spans []batchSpan) {
	c.spansMu.Lock()
	defer c.spansMu.Unlock()
	c.spans[partition] = spans
}

// foundMarker warns once that the topic has transactional producers.
func (c *Consumer) foundMarker(ctx context.Context, m kafkago.Message, found original) {
	if !found.marker || !c.markers.CompareAndSwap(false, true) {
		return
	}
	c.log.WarnContext(ctx, "the notification topic has transactional producers; records of aborted transactions are delivered as well",
		"partition", m.Partition, "offset", m.Offset)
}
