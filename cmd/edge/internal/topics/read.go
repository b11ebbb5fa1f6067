package topics

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Record is a record of a topic. A record may have several headers with the same key.
type Record = kgo.Record

// Header is a header of a record.
type Header = kgo.RecordHeader

// errNotRetained means that the broker has no record at an offset.
var errNotRetained = errors.New("the broker has no such record: it was deleted, or never existed")

// span is a range of offsets: the first, and the one behind the last.
type span struct{ first, end int64 }

// Read calls visit for the newest records of each partition of a topic, at most newest of each;
// 0 means all. The order holds within a partition. Records that are written after the call are left
// out. It returns the number of records that the topic retains. It stops at the first error, which
// may be that of visit. A topic that does not exist has no records.
func (c *Inspector) Read(ctx context.Context, topic string, newest int64, visit func(*Record) error) (total int64, err error) {
	spans, err := c.spans(ctx, topic)
	if err != nil {
		return 0, err
	}
	for partition, s := range spans {
		total += s.end - s.first
		if newest > 0 {
			spans[partition] = span{max(s.first, s.end-newest), s.end}
		}
	}
	return total, c.read(ctx, topic, spans, visit)
}

// Record returns one record. It returns an error if the broker does not have it.
func (c *Inspector) Record(ctx context.Context, topic string, partition int32, offset int64) (found *Record, err error) {
	spans, err := c.spans(ctx, topic)
	if err != nil {
		return nil, err
	}
	if s, known := spans[partition]; !known || offset < s.first || offset >= s.end {
		return nil, errNotRetained
	}
	err = c.read(ctx, topic, map[int32]span{partition: {offset, offset + 1}}, func(r *Record) error {
		found = r
		return nil
	})
	if err == nil && found == nil {
		err = errNotRetained
	}
	return found, err
}

// read calls visit for the records of the spans.
func (c *Inspector) read(ctx context.Context, topic string, spans map[int32]span, visit func(*Record) error) error {
	left := map[int32]kgo.Offset{}
	for partition, s := range spans {
		if s.first < s.end {
			left[partition] = kgo.NewOffset().At(s.first)
		}
	}
	if len(left) == 0 {
		return nil
	}
	reader, err := kgo.NewClient(append(slices.Clip(c.options),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: left}), kgo.ConsumeResetOffset(kgo.NoResetOffset()), kgo.KeepControlRecords())...)
	if err != nil {
		return err
	}
	defer reader.Close()
	pending := len(left)
	for pending > 0 {
		records, err := poll(ctx, reader)
		if err != nil {
			return fmt.Errorf("read %s: %w", topic, err)
		}
		read, err := visitAll(records, spans, visit)
		if err != nil {
			return err
		}
		pending -= read
	}
	return nil
}

// visitAll calls visit for the records that lie in the spans. It empties each span whose end the
// records reach, and returns how many these are.
func visitAll(records []*Record, spans map[int32]span, visit func(*Record) error) (read int, err error) {
	for _, r := range records {
		s := spans[r.Partition]
		if r.Offset < s.end && !r.Attrs.IsControl() {
			if err := visit(r); err != nil {
				return read, err
			}
		}
		if r.Offset+1 >= s.end && s.first < s.end {
			spans[r.Partition] = span{}
			read++
		}
	}
	return read, nil
}

// poll waits for the next records.
func poll(ctx context.Context, reader *kgo.Client) ([]*Record, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	fetches := reader.PollFetches(ctx)
	return fetches.Records(), fetches.Err()
}

// spans returns the offsets that each partition of a topic retains.
func (c *Inspector) spans(ctx context.Context, topic string) (map[int32]span, error) {
	partitions, err := c.Partitions(ctx, topic)
	if err != nil {
		return nil, err
	}
	first, err := c.offsets(ctx, topic, partitions, firstOffset)
	if err != nil {
		return nil, err
	}
	end, err := c.offsets(ctx, topic, partitions, endOffset)
	if err != nil {
		return nil, err
	}
	out := make(map[int32]span, len(first))
	for partition, offset := range first {
		out[partition] = span{offset, end[partition]}
	}
	return out, nil
}

// Timestamps by which a broker returns an offset instead of looking for a time.
const (
	endOffset   = -1 // endOffset asks for the offset behind the last record.
	firstOffset = -2 // firstOffset asks for that of the first record.
)

// offsets returns one offset of each partition.
func (c *Inspector) offsets(ctx context.Context, topic string, partitions []int32, timestamp int64) (map[int32]int64, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	request := kmsg.NewPtrListOffsetsRequest()
	asked := kmsg.NewListOffsetsRequestTopic()
	asked.Topic = topic
	for _, partition := range partitions {
		p := kmsg.NewListOffsetsRequestTopicPartition()
		p.Partition, p.Timestamp = partition, timestamp
		asked.Partitions = append(asked.Partitions, p)
	}
	request.Topics = []kmsg.ListOffsetsRequestTopic{asked}
	out := map[int32]int64{}
	for _, shard := range c.kafka.RequestSharded(ctx, request) {
		if shard.Err != nil {
			return nil, shard.Err
		}
		response, ok := shard.Resp.(*kmsg.ListOffsetsResponse)
		if !ok {
			continue
		}
		for _, t := range response.Topics {
			for _, p := range t.Partitions {
				if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
					return nil, fmt.Errorf("partition %d of %s: %w", p.Partition, topic, err)
				}
				out[p.Partition] = p.Offset
			}
		}
	}
	return out, nil
}
