package kafka

import (
	"context"
	"time"

	kafkago "github.com/segmentio/kafka-go"
)

const (
	// settingTimeout bounds the request for a topic's settings.
	settingTimeout = 3 * time.Second
	timeSetting    = "message.timestamp.type"
	appendedTime   = "LogAppendTime"
)

// checkTopic asks how the topic's records get their time. With LogAppendTime the
// library hands out the producer's time in place of the record's: then the age of
// a record is not known, no record expires and no lag is measured. It warns once.
// Brokers that do not say, for want of rights for example, are not asked again.
func (c *Consumer) checkTopic(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, settingTimeout)
	defer cancel()
	response, err := c.lookupClient.DescribeConfigs(ctx, &kafkago.DescribeConfigsRequest{
		Resources: []kafkago.DescribeConfigRequestResource{{
			ResourceType: kafkago.ResourceTypeTopic, ResourceName: string(c.config.topic()), ConfigNames: []string{timeSetting},
		}},
	})
	if err == nil && len(response.Resources) == 1 {
		err = response.Resources[0].Error
	}
	if err != nil {
		c.log.InfoContext(ctx, "the settings of the notification topic cannot be read", "error", err)
		return
	}
	found := false
	for _, resource := range response.Resources {
		for _, entry := range resource.ConfigEntries {
			if entry.ConfigName == timeSetting && entry.ConfigValue == appendedTime {
				found = true
			}
		}
	}
	if c.timesUnknown = found; found {
		c.log.WarnContext(ctx, "the notification topic has message.timestamp.type=LogAppendTime: no record expires, and lag is not measured")
	}
}
