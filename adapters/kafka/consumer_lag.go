package kafka

import (
	"context"
	"errors"
	"time"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/huleedu/edge/domain"
)

const (
	lagInterval = 5 * time.Second // lagInterval is the time between two measurements of the lag.
	lagTimeout  = 3 * time.Second // lagTimeout limits one measurement.
)

// watchLag reports how many records of each assigned partition wait, at once and then at
// intervals, until ctx is done. Then it reports that the partitions are not assigned any more. While
// the brokers do not respond it reports nothing, so that the last numbers stay.
func (c *Consumer) watchLag(ctx context.Context, partitions []kafkago.PartitionAssignment, finished *progress) {
	defer func() {
		for _, p := range partitions {
			c.observer.Observe(domain.PartitionLag{Partition: p.ID, Released: true})
		}
	}()
	ticker := time.NewTicker(lagInterval)
	defer ticker.Stop()
	for {
		if err := c.measureLag(ctx, partitions, finished); err != nil && ctx.Err() == nil {
			c.log.DebugContext(ctx, "the lag of the partitions is not known", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// measureLag asks the brokers for the end of each partition and reports the records before it
// that are not finished.
func (c *Consumer) measureLag(ctx context.Context, partitions []kafkago.PartitionAssignment, finished *progress) error {
	ctx, cancel := context.WithTimeout(ctx, lagTimeout)
	defer cancel()
	topic := string(c.config.Topic)
	requests := make([]kafkago.OffsetRequest, 0, 2*len(partitions))
	for _, p := range partitions {
		requests = append(requests, kafkago.FirstOffsetOf(p.ID), kafkago.LastOffsetOf(p.ID))
	}
	response, err := c.lookupClient.ListOffsets(ctx, &kafkago.ListOffsetsRequest{Topics: map[string][]kafkago.OffsetRequest{topic: requests}})
	if err != nil {
		return err
	}
	retained := map[int]kafkago.PartitionOffsets{}
	for _, r := range response.Topics[topic] {
		err = errors.Join(err, r.Error)
		retained[r.Partition] = r
	}
	if err != nil {
		return err
	}
	for _, p := range partitions {
		next := max(finished.position(p), retained[p.ID].FirstOffset) // a new group begins with the first record
		c.observer.Observe(domain.PartitionLag{Partition: p.ID, Records: max(0, retained[p.ID].LastOffset-next)})
	}
	return nil
}
