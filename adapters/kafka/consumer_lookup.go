package kafka

import (
	"context"
	"errors"
	"slices"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/huleedu/edge/domain"
)

const (
	// originalAttempts is the number of failed requests for a record after which the Reader's
	// copy is used.
	originalAttempts = 5
	// maxSpans is the maximum number of cached batches of a partition. One fetch of
	// fetchBytes contains fewer.
	maxSpans = 1 << 15
)

const (
	// markerKey is the size of a transaction marker's key in bytes: version and type.
	markerKey = 4
	// markerValue is the size of a transaction marker's value in bytes: version and epoch.
	markerValue = 6
	// markerCommit is the largest known type of a transaction marker: 0 is abort, 1 is commit.
	markerCommit = 1
)

// looksLikeMarker returns true if the record has the sizes of a transaction marker. Every
// notification is longer.
func looksLikeMarker(m kafkago.Message) bool {
	return len(m.Key) == markerKey && len(m.Value) == markerValue && len(m.Headers) == 0
}

// lookups caches the results of the last fetches from one partition, so that a backlog of
// records that must be looked up costs one fetch for each batch and not one for each record.
// It is not safe for concurrent use.
type lookups struct {
	spans     []batchSpan
	originals map[int64]original
}

// span returns the cached batch that contains the offset. It returns false if there is none.
func (l *lookups) span(offset int64) (batchSpan, bool) {
	for _, s := range l.spans {
		if s.first <= offset && offset <= s.last {
			return s, true
		}
	}
	return batchSpan{}, false
}

// original returns the cached record. It returns false if there is none or if it differs from
// the Reader's copy, which happens after the topic was created again.
func (l *lookups) original(m kafkago.Message) (original, bool) {
	found, ok := l.originals[m.Offset]
	return found, ok && found.matches(m)
}

// add caches the result of a fetch at the offset and removes the batches before it.
func (l *lookups) add(offset int64, f fetched) {
	l.spans = slices.DeleteFunc(l.spans, func(s batchSpan) bool { return s.last < offset })
	for _, s := range f.spans {
		if _, known := l.span(s.first); !known {
			l.spans = append(l.spans, s)
		}
	}
	if len(l.spans) > maxSpans {
		l.spans = f.spans
	}
	l.originals = f.originals
}

// original returns the record as the broker stores it. It returns the Reader's copy if the
// broker has deleted the record or several requests have failed. After an error the caller
// must repeat the call.
func (c *Consumer) original(ctx context.Context, t *recordState) (original, error) {
	if found, known := t.lookups.original(t.record); known {
		return found, nil
	}
	known, err := c.lookUp(ctx, t, 1, true)
	if err != nil {
		return original{}, err
	}
	if found, ok := t.lookups.original(t.record); known && ok {
		return found, nil
	}
	return copyOf(t.record), nil
}

// spanOf returns the batch of the record. If the broker has deleted it or several requests have
// failed, spanOf recognizes a marker by its bytes. After an error the caller must repeat the
// call.
func (c *Consumer) spanOf(ctx context.Context, t *recordState) (batchSpan, error) {
	if span, known := t.lookups.span(t.record.Offset); known {
		return span, nil
	}
	known, err := c.lookUp(ctx, t, fetchBytes, false)
	if err != nil {
		return batchSpan{}, err
	}
	if span, ok := t.lookups.span(t.record.Offset); known && ok {
		return span, nil
	}
	span := batchSpan{first: t.record.Offset, last: t.record.Offset}
	if looksLikeMarker(t.record) {
		key := t.record.Key
		span.marker = key[0] == 0 && key[1] == 0 && key[2] == 0 && key[3] <= markerCommit
	}
	return span, nil
}

// lookUp fetches and caches the record and those behind it, up to maxBytes. known is false if
// the broker has deleted the record or several requests have failed. After an error the caller
// must repeat the call.
func (c *Consumer) lookUp(ctx context.Context, t *recordState, maxBytes int64, keep bool) (known bool, err error) {
	f, err := c.fetchFrom(ctx, t.record, maxBytes, keep)
	if err == nil {
		t.lookups.add(t.record.Offset, f)
		return true, nil
	}
	t.lookupFailures++
	final := errors.Is(err, errNoOriginal) || errors.Is(err, kafkago.OffsetOutOfRange)
	if !final && t.lookupFailures < originalAttempts {
		return false, domain.Unreachable("kafka", err).WithOp("kafka.LookUp")
	}
	return false, nil
}

// warnOfMarkers logs once that the topic has transactional producers.
func (c *Consumer) warnOfMarkers(ctx context.Context, m kafkago.Message) {
	if !c.markersWarned.CompareAndSwap(false, true) {
		return
	}
	c.log.WarnContext(ctx, "the notification topic has transactional producers; records of aborted transactions are delivered as well",
		"partition", m.Partition, "offset", m.Offset)
}
