package kafka

import (
	"context"
	"errors"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/huleedu/edge/adapters/internal/backoff"
)

// awaitTopic returns true once the topic has partitions, having asked the
// brokers to create it, and false when ctx is done. A group that is joined
// earlier may be left with nothing to read.
func (c *Consumer) awaitTopic(ctx context.Context) bool {
	for attempt := 0; ; attempt++ {
		count, err := c.partitionCount(ctx)
		if ctx.Err() != nil {
			return false
		}
		if err == nil {
			c.partitions = count
			return true
		}
		c.health.setUnassigned(err)
		if attempt%logEvery == 0 {
			c.log.WarnContext(ctx, "the notification topic cannot be found; trying again", "error", err)
		}
		backoff.Wait(ctx, attempt, firstPause, maxRejoinPause)
	}
}

// partitionsChanged reports whether the number of partitions differs from the one before the
// current assignment. The library's own watch starts after the assignment and misses changes
// before it.
func (c *Consumer) partitionsChanged(ctx context.Context) bool {
	count, err := c.partitionCount(ctx)
	if err != nil && !errors.Is(err, kafkago.UnknownTopicOrPartition) {
		return false // nothing is known; the assignment holds
	}
	if count == c.partitions {
		return false
	}
	c.partitions = count
	return true
}

// partitionCount asks how many partitions the topic has, for no longer than from one watch
// to the next. One that is missing is created, if the brokers allow it.
func (c *Consumer) partitionCount(ctx context.Context) (n int, err error) {
	ctx, cancel := context.WithTimeout(ctx, watchInterval)
	defer cancel()
	err = c.brokers.do(ctx, func(conn *kafkago.Conn) error {
		partitions, err := conn.ReadPartitions(string(c.config.topic()))
		n = len(partitions)
		return err
	})
	if err == nil && n == 0 {
		err = errNoPartitions
	}
	return n, err
}
