package kafka

import (
	"bytes"
	"context"
	"errors"
	"io"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
)

const (
	// originalTimeout limits one attempt to read a record from the broker again.
	originalTimeout = 5 * time.Second
	// appendTime is the attribute of a batch whose records have the time at which the broker
	// appended them. The library ignores it and returns the producer's time.
	appendTime protocol.Attributes = 1 << 3
)

// original is a record as the broker stores it. The library's Reader returns records without
// the attributes of their batch, and null for empty keys, values and header values. The
// library's Client preserves both.
type original struct {
	key, value []byte
	headers    []kafkago.Header
}

// copyOf returns the Reader's copy of a record as the original.
func copyOf(m kafkago.Message) original {
	return original{key: m.Key, value: m.Value, headers: m.Headers}
}

// matches returns true if the original is the record that the Reader returned.
func (o original) matches(m kafkago.Message) bool {
	return bytes.Equal(o.key, m.Key) && bytes.Equal(o.value, m.Value) && len(o.headers) == len(m.Headers)
}

// size returns the length of key, value and headers, in bytes.
func (o original) size() int {
	n := len(o.key) + len(o.value)
	for _, h := range o.headers {
		n += len(h.Key) + len(h.Value)
	}
	return n
}

// batchSpan is the range of offsets of one batch, with its attributes.
type batchSpan struct {
	first, last int64
	// marker is set if the batch is a transaction marker, which the broker writes.
	marker bool
	// appendTime is set if the producer's time is not the time of the records.
	appendTime bool
}

// fetched holds the batches and records that were read from the broker a second time, for a
// record whose batch attributes or null values the library does not keep.
type fetched struct {
	spans []batchSpan
	// originals are the records from the requested offset on, by offset: the requested one
	// and, up to fetchBytes, those behind it.
	originals map[int64]original
}

// errNoOriginal means that the broker does not have the record any more.
var errNoOriginal = errors.New("the broker does not have the record")

// fetchFrom reads the batch of the record and those behind it, up to maxBytes. It returns the
// records themselves only if keep is set. A retry cannot succeed after errNoOriginal and
// OffsetOutOfRange.
func (c *Consumer) fetchFrom(ctx context.Context, m kafkago.Message, maxBytes int64, keep bool) (fetched, error) {
	ctx, cancel := context.WithTimeout(ctx, originalTimeout)
	defer cancel()
	response, err := c.lookupClient.Fetch(ctx, &kafkago.FetchRequest{
		Topic: m.Topic, Partition: m.Partition, Offset: m.Offset,
		MinBytes: 1, MaxBytes: maxBytes, MaxWait: time.Second,
	})
	if err != nil {
		return fetched{}, err
	}
	if response.Error != nil {
		return fetched{}, response.Error
	}
	batches := []kafkago.RecordReader{response.Records}
	if stream, ok := response.Records.(*protocol.RecordStream); ok {
		batches = stream.Records
	}
	out := fetched{originals: map[int64]original{}}
	reader := batchReader{from: m.Offset, keep: keep, room: fetchBytes, out: &out}
	for _, batch := range batches {
		reader.read(batch)
	}
	if !reader.found {
		return fetched{}, errNoOriginal
	}
	return out, nil
}

// batchReader collects the spans and records of batches.
type batchReader struct {
	from int64
	keep bool
	// room is the number of bytes of records that may still be kept.
	room int
	// found is set when the record at from has been read.
	found bool
	out   *fetched
}

// read reads a batch to its end.
func (r *batchReader) read(batch kafkago.RecordReader) {
	span := batchSpan{first: -1, last: -1}
	switch b := batch.(type) {
	case *protocol.ControlBatch:
		span.marker = true
		span.appendTime = b.Attributes&appendTime != 0
	case *protocol.RecordBatch:
		span.appendTime = b.Attributes&appendTime != 0
	case *protocol.MessageSet:
		span.appendTime = b.Attributes&appendTime != 0
	}
	for {
		record, err := batch.ReadRecord()
		if err != nil {
			break // io.EOF, or bytes that the broker cut off
		}
		if span.first < 0 {
			span.first = record.Offset
		}
		span.last = record.Offset
		r.record(record)
		for _, b := range []protocol.Bytes{record.Key, record.Value} {
			if b != nil {
				_ = b.Close()
			}
		}
	}
	r.out.spans = append(r.out.spans, span)
}

// record keeps the record at from, and later records while there is room.
func (r *batchReader) record(record *protocol.Record) {
	wanted := record.Offset == r.from
	r.found = r.found || wanted
	if !r.keep || record.Offset < r.from || r.room <= 0 && !wanted {
		return
	}
	one := original{key: allOf(record.Key), value: allOf(record.Value), headers: record.Headers}
	r.room -= one.size()
	r.out.originals[record.Offset] = one
}

// allOf returns all bytes: nil for nil, and an empty slice for empty bytes.
func allOf(b protocol.Bytes) []byte {
	if b == nil {
		return nil
	}
	out := make([]byte, b.Len())
	if _, err := io.ReadFull(b, out); err != nil {
		return nil
	}
	return out
}
