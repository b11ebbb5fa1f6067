package kafka_test

import (
	"maps"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
)

// lag returns the last reported lag of each assigned partition.
func (f *facts) lag() map[int]int64 {
	out := map[int]int64{}
	for _, fact := range f.All() {
		if p, ok := fact.(domain.PartitionLag); ok && p.Released {
			delete(out, p.Partition)
		} else if ok {
			out[p.Partition] = p.Records
		}
	}
	return out
}

// awaitLag waits until the lag of the assigned partitions has the sum.
func (f *facts) awaitLag(t *testing.T, sum int64) map[int]int64 {
	t.Helper()
	var found map[int]int64
	require.Eventually(t, func() bool {
		found = f.lag()
		total := int64(0)
		for lag := range maps.Values(found) {
			total += lag
		}
		return len(found) > 0 && total == sum
	}, 40*time.Second, 10*time.Millisecond, "the lag did not become %d", sum)
	return found
}

// TestConsumerReportsTheLagOfItsPartitions checks the lag of a new group, of one whose records
// cannot be published, after it has caught up, and of one that goes on from its commits.
func TestConsumerReportsTheLagOfItsPartitions(t *testing.T) {
	t.Parallel()
	onBothBrokers(t, func(t *testing.T, s *scenario) {
		s.published.failUser("u1", domain.Unreachable("redis", errUnavailable))
		ids := s.produceEvents(t, "u1", 3)
		r := s.start(t)
		require.Len(t, s.facts.awaitLag(t, 3), 3, "of all partitions")
		ids = append(ids, s.produceEvents(t, "u1", 2)...)
		s.facts.awaitLag(t, 5)
		s.published.failUser("u1", nil)
		s.published.awaitIDs(t, "u1", ids)
		s.facts.awaitLag(t, 0)
		r.stop()
		require.Empty(t, s.facts.lag(), "a stopped consumer has no partitions")

		s.published.failUser("u1", domain.Unreachable("redis", errUnavailable))
		s.produceEvents(t, "u1", 1)
		s.start(t)
		s.facts.awaitLag(t, 1)
	})
}
