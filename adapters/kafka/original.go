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
	// originalTimeout bounds one attempt to read a record from the broker again.
	originalTimeout = 5 * time.Second
	// appendTime is the attribute of a batch whose records have the time at which
	// the broker appended them. The library reads the producer's time all the same.
	appendTime protocol.Attributes = 1 << 3
)

// original is a record as the broker stores it. The library's reader returns records
// without the attributes of their batch and turns empty keys, values and header
// values into null. The lower layer of the same library keeps them apart.
type original struct {
	key, value []byte
	headers    []kafkago.Header
}

// copyOf returns the original as far as the reader has it.
func copyOf(m kafkago.Message) original {
	return original{key: m.Key, value: m.Value, headers: m.Headers}
}

// matches reports whether the original is the record that the reader returned.
func (o original) matches(m kafkago.Message) bool {
	return bytes.Equal(o.key, m.Key) && bytes.Equal(o.value, m.Value) && len(o.headers) == len(m.Headers)
}

// size is the memory of the record's key, value and headers, in bytes.
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
	// marker means that the batch is a transaction marker, written by the broker.
	marker bool
	// appendTime means that the producer's time is not the time of the records.
	appendTime bool
}

// fetched is the result of one fetch.
type fetched struct {
	spans []batchSpan
	// originals are the records from the requested offset on, by offset: at most
	// fetchBytes of them, but always the requested one.
	originals map[int64]original
}

// errNoOriginal means that the broker does not have the record any more.
var errNoOriginal = errors.New("the broker does not have the record")

// fetchFrom reads the batches from the record on: as many as fit into maxBytes, but
// always the record's own. It keeps the records themselves only if keep is set.
// errNoOriginal and OffsetOutOfRange are final.
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
	// room is how many bytes of records may still be kept.
	room  int
	found bool // the record at from was read
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

// record keeps one record, if there is room and it may be asked for.
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
