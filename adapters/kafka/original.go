package kafka

import (
	"context"
	"errors"
	"io"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
)

const (
	// originalLimit bounds one attempt to read a record from the broker again.
	originalLimit = 5 * time.Second
	// appendTime is the attribute of a batch whose records have the time at which
	// the broker appended them. The library reads the producer's time all the same.
	appendTime protocol.Attributes = 1 << 3
)

// original is a record as the broker holds it. The library's reader hands out
// records without the attributes of their batch and makes empty keys, values and
// header values null; the lower layer of the same library tells them apart.
type original struct {
	marker     bool // it is a transaction marker, written by the broker
	appendTime bool // its producer's time is not its time
	key, value []byte
	headers    []kafkago.Header
}

// copyOf is the original as far as the reader has it.
func copyOf(m kafkago.Message) original {
	return original{key: m.Key, value: m.Value, headers: m.Headers}
}

// batchSpan are the offsets of one batch, with what its attributes tell.
type batchSpan struct {
	first, last int64
	appendTime  bool
}

// errNoOriginal says that the broker has no record at the offset any more.
var errNoOriginal = errors.New("the broker does not have the record")

// fetchOriginal reads the record from the broker again. spans are all batches that
// came with it: as many as fit into maxBytes, but always the record's own.
// errNoOriginal and OffsetOutOfRange are final.
func (c *Consumer) fetchOriginal(ctx context.Context, m kafkago.Message, maxBytes int64) (found original, spans []batchSpan, err error) {
	ctx, cancel := context.WithTimeout(ctx, originalLimit)
	defer cancel()
	response, err := c.source.Fetch(ctx, &kafkago.FetchRequest{
		Topic: m.Topic, Partition: m.Partition, Offset: m.Offset,
		MinBytes: 1, MaxBytes: maxBytes, MaxWait: time.Second,
	})
	if err != nil {
		return original{}, nil, err
	}
	if response.Error != nil {
		return original{}, nil, response.Error
	}
	batches := []kafkago.RecordReader{response.Records}
	if stream, ok := response.Records.(*protocol.RecordStream); ok {
		batches = stream.Records
	}
	err = errNoOriginal
	for _, batch := range batches {
		span, one := readBatch(batch, m.Offset)
		spans = append(spans, span)
		if one != nil {
			found, err = *one, nil
		}
	}
	return found, spans, err
}

// readBatch reads a batch to its end and returns the record at the offset, or nil.
func readBatch(batch kafkago.RecordReader, offset int64) (span batchSpan, found *original) {
	marker := false
	switch b := batch.(type) {
	case *protocol.ControlBatch:
		marker = true
		span.appendTime = b.Attributes&appendTime != 0
	case *protocol.RecordBatch:
		span.appendTime = b.Attributes&appendTime != 0
	case *protocol.MessageSet:
		span.appendTime = b.Attributes&appendTime != 0
	}
	span.first, span.last = -1, -1
	for {
		record, err := batch.ReadRecord()
		if err != nil {
			return span, found // io.EOF, or bytes that the broker cut off
		}
		if span.first < 0 {
			span.first = record.Offset
		}
		span.last = record.Offset
		if record.Offset == offset {
			found = &original{
				marker: marker, appendTime: span.appendTime,
				key: allOf(record.Key), value: allOf(record.Value), headers: record.Headers,
			}
		}
		for _, b := range []protocol.Bytes{record.Key, record.Value} {
			if b != nil {
				_ = b.Close()
			}
		}
	}
}

// allOf reads bytes to their end; nil stays nil, and empty stays empty.
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
