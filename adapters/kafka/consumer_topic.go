package kafka

import (
	"context"
	"errors"
	"time"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/huleedu/edge/adapters/internal/backoff"
)

const (
	// settingTimeout limits the request for a topic's settings.
	settingTimeout = 3 * time.Second
	// timeSetting names the topic's setting of who sets the time of a record.
	timeSetting = "message.timestamp.type"
	// appendedTime is the value of timeSetting with which the broker sets the time of a record.
	appendedTime = "LogAppendTime"
)

// awaitTopic waits until the topic has partitions. It requests a missing topic from the
// brokers, which create it if their settings allow that. It returns false if ctx is done
// first. A member that joins the group before the topic exists may get no partitions.
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
		backoff.Wait(ctx, attempt, firstPause, maxRejoinPause)
	}
}

// partitionsChanged returns true if the number of partitions differs from the one before the
// current assignment. It returns false if the brokers do not respond. The library's own watch
// is not used: it starts after the assignment and misses changes before it.
func (c *Consumer) partitionsChanged(ctx context.Context) bool {
	count, err := c.partitionCount(ctx)
	if err != nil && !errors.Is(err, kafkago.UnknownTopicOrPartition) {
		return false
	}
	changed := count != c.partitions
	c.partitions = count
	return changed
}

// partitionCount returns the number of partitions of the topic. It returns an error after
// watchInterval. The brokers create a missing topic if their settings allow that.
func (c *Consumer) partitionCount(ctx context.Context) (n int, err error) {
	ctx, cancel := context.WithTimeout(ctx, watchInterval)
	defer cancel()
	err = c.brokers.do(ctx, func(conn *kafkago.Conn) error {
		partitions, err := conn.ReadPartitions(string(c.config.Topic))
		n = len(partitions)
		return err
	})
	if err == nil && n == 0 {
		err = errNoPartitions
	}
	return n, err
}

// checkTopic finds out how the topic's records get their time, and stores it in
// timesUnknown. With LogAppendTime the library returns the producer's time instead of the
// record's: then no record expires and no lag is measured, and checkTopic logs a warning. It
// does not repeat a request that fails, for example for lack of permission.
func (c *Consumer) checkTopic(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, settingTimeout)
	defer cancel()
	response, err := c.lookupClient.DescribeConfigs(ctx, &kafkago.DescribeConfigsRequest{
		Resources: []kafkago.DescribeConfigRequestResource{{
			ResourceType: kafkago.ResourceTypeTopic, ResourceName: string(c.config.Topic), ConfigNames: []string{timeSetting},
		}},
	})
	if err == nil && len(response.Resources) == 1 {
		err = response.Resources[0].Error
	}
	if err != nil {
		c.log.InfoContext(ctx, "the settings of the notification topic cannot be read", "error", err)
		return
	}
	c.timesUnknown = false
	for _, resource := range response.Resources {
		for _, entry := range resource.ConfigEntries {
			c.timesUnknown = c.timesUnknown || entry.ConfigName == timeSetting && entry.ConfigValue == appendedTime
		}
	}
	if c.timesUnknown {
		c.log.WarnContext(ctx, "the notification topic has message.timestamp.type=LogAppendTime: no record expires, and lag is not measured")
	}
}
