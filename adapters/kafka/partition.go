package kafka

import (
	"context"
	"errors"
	"io"
	"net"
	"time"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/huleedu/edge/adapters/internal/backoff"
)

const (
	// fetchWait is how long the broker holds an empty fetch; also how long a
	// hung broker goes unnoticed.
	fetchWait = 10 * time.Second
	// fetchBytes is what one fetch asks for; a larger record comes alone.
	fetchBytes = 1 << 20
	// fetchAhead is how many records of a partition wait in memory.
	fetchAhead = 32
	// readPause is the longest wait between two attempts to read a partition.
	readPause = time.Second
)

// consumePartition processes the partition's records in order, from the committed offset,
// until ctx is done.
func (c *Consumer) consumePartition(ctx context.Context, p kafkago.PartitionAssignment, done *progress) {
	for from := p.Offset; ctx.Err() == nil; {
		reader := c.newReader(ctx, p.ID)
		err := reader.SetOffset(from)
		if err == nil {
			err = c.consumeRecords(ctx, reader, done)
		}
		_ = reader.Close()
		if errors.Is(err, kafkago.OffsetOutOfRange) {
			// The log was truncated or created again: start with its first record.
			from = kafkago.FirstOffset
			backoff.Wait(ctx, 0, firstPause, readPause)
		}
	}
}

// newReader returns a reader of one partition. It connects with the first fetch.
func (c *Consumer) newReader(ctx context.Context, partition int) *kafkago.Reader {
	return kafkago.NewReader(kafkago.ReaderConfig{
		Brokers: addresses(c.config.Brokers), Topic: string(c.config.topic()), Partition: partition,
		Dialer: closeOnDone(ctx, c.dialer), MaxWait: fetchWait, MinBytes: 1, MaxBytes: fetchBytes, QueueCapacity: fetchAhead,
		ReadBatchTimeout: fetchWait, ReadBackoffMax: readPause, ReadLagInterval: -1, OffsetOutOfRangeError: true,
	})
}

// consumeRecords processes records until ctx is done or the offset does not exist. The reader
// retries other errors itself.
func (c *Consumer) consumeRecords(ctx context.Context, reader *kafkago.Reader, done *progress) error {
	partition := reader.Config().Partition
	var l lookups
	for attempt := 0; ; {
		m, err := reader.FetchMessage(ctx)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			c.health.update(partition, partitionHealth{err: err})
			c.log.WarnContext(ctx, "a partition cannot be read; trying again", "partition", partition, "error", err)
			if errors.Is(err, kafkago.OffsetOutOfRange) || errors.Is(err, io.EOF) {
				return err
			}
			backoff.Wait(ctx, attempt, firstPause, readPause)
			attempt++
		default:
			attempt = 0
			if !c.process(ctx, m, &l) {
				return ctx.Err()
			}
			done.markDone(m)
			if m.Offset+1 >= m.HighWaterMark {
				c.health.update(partition, partitionHealth{})
			}
		}
	}
}

// closeOnDone returns a dialer whose connections are closed when ctx is done, so that
// releasing a partition never waits for a broker.
func closeOnDone(ctx context.Context, d *kafkago.Dialer) *kafkago.Dialer {
	plain := net.Dialer{Timeout: d.Timeout}
	out := *d
	out.DialFunc = func(dialing context.Context, network, address string) (net.Conn, error) {
		conn, err := plain.DialContext(dialing, network, address)
		if err != nil {
			return nil, err
		}
		return &closeOnDoneConn{conn, context.AfterFunc(ctx, func() { _ = conn.Close() })}, nil
	}
	return &out
}

type closeOnDoneConn struct {
	net.Conn
	stop func() bool
}

// Close also forgets the connection.
func (c *closeOnDoneConn) Close() error {
	c.stop()
	return c.Conn.Close()
}
