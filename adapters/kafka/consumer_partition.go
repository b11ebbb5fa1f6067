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
	// fetchWait is how long the broker delays an empty response to a fetch, and so how long a
	// broker that hangs goes unnoticed.
	fetchWait = 10 * time.Second
	// fetchBytes is the maximum size of a fetch, in bytes. A larger record is returned alone.
	fetchBytes = 1 << 20
	// fetchAhead is the maximum number of unprocessed records of a partition in memory.
	fetchAhead = 32
	// maxReadPause is the longest wait between two attempts to read a partition.
	maxReadPause = time.Second
)

// consumePartition processes the partition's records in order, from the committed offset,
// until ctx is done.
func (c *Consumer) consumePartition(ctx context.Context, p kafkago.PartitionAssignment, finished *progress) {
	for from := p.Offset; ctx.Err() == nil; {
		reader := c.newReader(ctx, p.ID)
		err := reader.SetOffset(from)
		if err == nil {
			err = c.consumeRecords(ctx, reader, finished)
		}
		_ = reader.Close()
		if errors.Is(err, kafkago.OffsetOutOfRange) {
			// The log was truncated or the topic was created again.
			from = kafkago.FirstOffset
			backoff.Wait(ctx, 0, firstPause, maxReadPause)
		}
	}
}

// newReader returns a reader of one partition. It connects with the first fetch.
func (c *Consumer) newReader(ctx context.Context, partition int) *kafkago.Reader {
	return kafkago.NewReader(kafkago.ReaderConfig{
		Brokers: addresses(c.config.Brokers), Topic: string(c.config.Topic), Partition: partition,
		Dialer: closeOnDone(ctx, c.dialer), MaxWait: fetchWait, MinBytes: 1, MaxBytes: fetchBytes, QueueCapacity: fetchAhead,
		ReadBatchTimeout: fetchWait, ReadBackoffMax: maxReadPause, ReadLagInterval: -1, OffsetOutOfRangeError: true,
	})
}

// consumeRecords processes records until ctx is done or the offset does not exist. Then it
// returns the error. It waits and continues after any other error.
func (c *Consumer) consumeRecords(ctx context.Context, reader *kafkago.Reader, finished *progress) error {
	partition := reader.Config().Partition
	var l lookups
	for attempt := 0; ; {
		m, err := reader.FetchMessage(ctx)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			c.health.update(partition, partitionHealth{err: err})
			c.log.DebugContext(ctx, "a partition cannot be read; trying again", "partition", partition, "error", err)
			if errors.Is(err, kafkago.OffsetOutOfRange) || errors.Is(err, io.EOF) {
				return err
			}
			backoff.Wait(ctx, attempt, firstPause, maxReadPause)
			attempt++
		default:
			attempt = 0
			if !c.process(ctx, m, &l) {
				return ctx.Err()
			}
			finished.markDone(m)
			if m.Offset+1 >= m.HighWaterMark {
				c.health.update(partition, partitionHealth{})
			}
		}
	}
}

// closeOnDone returns a dialer whose connections are closed when ctx is done, so that a reader
// stops without waiting for a broker.
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

// closeOnDoneConn is a connection to a broker that closes when a context is done, so that no
// read or write outlives it.
type closeOnDoneConn struct {
	net.Conn
	stop func() bool
}

// Close closes the connection and stops waiting for ctx.
func (c *closeOnDoneConn) Close() error {
	c.stop()
	return c.Conn.Close()
}
