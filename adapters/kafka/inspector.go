package kafka

import (
	"context"
	"errors"
	"fmt"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"

	"github.com/huleedu/edge/adapters/internal/backoff"
)

const (
	inspectorTimeout = 10 * time.Second // inspectorTimeout limits one request of an Inspector.
	inspectorBytes   = 1 << 20          // inspectorBytes is the size of one read, in bytes.
)

// Record is a record of a topic as an operator sees it.
type Record struct {
	Topic     string
	Partition int
	Offset    int64
	Time      time.Time
	Headers   []RecordHeader
	Key       []byte
	Value     []byte
}

// RecordHeader is a header of a record. A record may have several with the same key.
type RecordHeader struct {
	Key   string
	Value []byte
}

// Inspector reads topics for operators. It joins no consumer group and creates no topic. It is
// safe for concurrent use.
type Inspector struct{ client *topicClient }

// NewInspector returns an inspector that connects with its first request. It returns an error
// if the security settings cannot be used. Close closes the connections.
func NewInspector(c ConsumerConfig) (*Inspector, error) {
	open, err := newClientFactory(c.Brokers, c.Security, "edge-operator")
	if err != nil {
		return nil, err
	}
	client := open("")
	client.transport.MetadataTopics = nil // of all topics
	return &Inspector{client}, nil
}

// Close closes the connections.
func (i *Inspector) Close() { i.client.close() }

// Partitions returns the number of partitions of a topic, and 0 if it does not exist. It
// returns an error if no broker answers, or if the login may not see the topic.
func (i *Inspector) Partitions(ctx context.Context, topic string) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, inspectorTimeout)
	defer cancel()
	response, err := i.client.Metadata(ctx, &kafkago.MetadataRequest{Topics: []string{topic}})
	if err != nil {
		return 0, err
	}
	for _, found := range response.Topics {
		if found.Name == topic && found.Error == nil {
			return len(found.Partitions), nil
		}
		if found.Name == topic && !errors.Is(found.Error, kafkago.UnknownTopicOrPartition) {
			return 0, found.Error
		}
	}
	return 0, nil
}

// Read calls visit for each retained record of a topic, one partition after another, until
// visit returns false. Records that are written after the call may be left out.
func (i *Inspector) Read(ctx context.Context, topic string, visit func(Record) bool) error {
	partitions, err := i.Partitions(ctx, topic)
	if err != nil {
		return err
	}
	for partition := range partitions {
		first, end, err := i.span(ctx, topic, partition)
		if err != nil {
			return err
		}
		for at := first; at < end; {
			next, more, err := i.page(ctx, Record{Topic: topic, Partition: partition, Offset: at}, visit)
			if err != nil || !more {
				return err
			}
			at = max(next, at+1)
		}
	}
	return nil
}

// span returns the first offset of a partition and the one behind its last record.
func (i *Inspector) span(ctx context.Context, topic string, partition int) (first, end int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, inspectorTimeout)
	defer cancel()
	response, err := i.client.ListOffsets(ctx, &kafkago.ListOffsetsRequest{Topics: map[string][]kafkago.OffsetRequest{
		topic: {kafkago.FirstOffsetOf(partition), kafkago.LastOffsetOf(partition)},
	}})
	if err != nil {
		return 0, 0, err
	}
	for _, p := range response.Topics[topic] {
		first, end, err = p.FirstOffset, p.LastOffset, errors.Join(err, p.Error)
	}
	return first, end, err
}

// page reads records from an offset on. It returns the offset behind the last one, and false
// if visit returned false.
func (i *Inspector) page(ctx context.Context, from Record, visit func(Record) bool) (next int64, more bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, inspectorTimeout)
	defer cancel()
	response, err := i.client.Fetch(ctx, &kafkago.FetchRequest{
		Topic: from.Topic, Partition: from.Partition, Offset: from.Offset, MinBytes: 1, MaxBytes: inspectorBytes, MaxWait: time.Second,
	})
	if err != nil {
		return 0, false, err
	}
	if response.Error != nil {
		return 0, false, response.Error
	}
	for next = from.Offset; ; {
		record, err := response.Records.ReadRecord()
		if err != nil { // io.EOF, or bytes that the broker cut off
			return next, true, nil
		}
		one := recordOf(from, record)
		if one.Offset < from.Offset { // a batch begins before the offset
			continue
		}
		next = one.Offset + 1
		if !visit(one) {
			return next, false, nil
		}
	}
}

func recordOf(from Record, r *protocol.Record) Record {
	from.Offset, from.Time, from.Key, from.Value = r.Offset, r.Time, allOf(r.Key), allOf(r.Value)
	from.Headers = make([]RecordHeader, len(r.Headers))
	for i, h := range r.Headers {
		from.Headers[i] = RecordHeader(h)
	}
	return from
}

// Record returns one record. It returns an error if the broker has deleted it.
func (i *Inspector) Record(ctx context.Context, topic string, partition int, offset int64) (found Record, err error) {
	err = errNoOriginal
	_, _, failed := i.page(ctx, Record{Topic: topic, Partition: partition, Offset: offset}, func(r Record) bool {
		if r.Offset == offset {
			found, err = r, nil
		}
		return false
	})
	if failed != nil {
		return Record{}, fmt.Errorf("read %s/%d/%d: %w", topic, partition, offset, failed)
	}
	return found, err
}

// Write writes a record to a topic, on the partition of its key. It returns nil when all
// in-sync replicas have it. While the partition has no leader, as after the creation of a topic,
// it tries again for some seconds: the record is not written then.
func (i *Inspector) Write(ctx context.Context, r Record) (err error) {
	ctx, cancel := context.WithTimeout(ctx, inspectorTimeout)
	defer cancel()
	for attempt := 0; ctx.Err() == nil; attempt++ {
		if err = i.write(ctx, r); !errors.Is(err, kafkago.NotLeaderForPartition) && !errors.Is(err, kafkago.LeaderNotAvailable) {
			return err
		}
		backoff.Wait(ctx, attempt, firstPause, maxResendPause)
	}
	return err
}

func (i *Inspector) write(ctx context.Context, r Record) error {
	writer := topicClient{Client: i.client.Client, topic: r.Topic, transport: i.client.transport}
	partition, err := writer.partition(ctx, r.Key)
	if err != nil {
		return err
	}
	headers := make([]kafkago.Header, len(r.Headers))
	for i, h := range r.Headers {
		headers[i] = kafkago.Header(h)
	}
	return writer.produce(ctx, partition, 0, kafkago.Record{
		Time: time.Now(), Headers: headers, Key: protocol.NewBytes(r.Key), Value: protocol.NewBytes(r.Value),
	})
}
