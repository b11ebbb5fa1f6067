package kafka_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/huleedu/edge/adapters/kafka"
	"github.com/huleedu/edge/domain"
)

// TestBacklogIsLookedUpByBatch checks that a backlog of records that must be read again is
// fetched batch by batch, not record by record: dead letters, expired records, and records
// with the sizes of a marker.
func TestBacklogIsLookedUpByBatch(t *testing.T) {
	const backlog = 60
	old := time.Now().Add(-48 * time.Hour)
	cases := map[string]struct {
		record func(s *scenario) *kgo.Record
		want   domain.NotificationResult
	}{
		"dead letters": {
			func(*scenario) *kgo.Record { return &kgo.Record{Key: []byte("k"), Value: []byte("no envelope")} },
			domain.NotificationDeadLetter,
		},
		"dead letters with the sizes of a marker": {
			func(*scenario) *kgo.Record { return &kgo.Record{Key: make([]byte, 4), Value: make([]byte, 6)} },
			domain.NotificationDeadLetter,
		},
		"expired": {
			func(s *scenario) *kgo.Record {
				_, value := s.event("u1", nil)
				return &kgo.Record{Key: []byte("u1"), Value: value, Timestamp: old}
			},
			domain.NotificationExpired,
		},
	}
	k := embedded(t)
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			s := newScenario(k.Addr())
			createTopic(t, s.addr, s.topic, nil)
			batch := make([]*kgo.Record, backlog)
			for i := range batch {
				batch[i] = test.record(s)
			}
			s.produce(t, batch...)
			calls := s.countLookups(t, func() { s.facts.awaitResults(t, map[domain.NotificationResult]int{test.want: backlog}) })
			require.LessOrEqual(t, calls, 5)
		})
	}
}

// TestBacklogOfTransactionsIsLookedUpTogether checks that a backlog of small transactions costs
// one fetch for each MiB: neither the markers nor the expired records between them are
// fetched one by one.
func TestBacklogOfTransactionsIsLookedUpTogether(t *testing.T) {
	s := newScenario(embedded(t).Addr())
	createTopic(t, s.addr, s.topic, nil)
	s.config = func(c *kafka.ConsumerConfig) { c.MaxAge = time.Nanosecond }
	const count = 20
	s.commitTransactions(t, "u1", count)
	calls := s.countLookups(t, func() {
		s.facts.awaitResults(t, map[domain.NotificationResult]int{domain.NotificationExpired: count})
	})
	require.LessOrEqual(t, calls, 3)
}

// countLookups processes the only partition until wait returns. It returns the number of
// requests for records that had been read before.
func (s *scenario) countLookups(t *testing.T, wait func()) int {
	t.Helper()
	c := s.newConsumer(t)
	ctx, cancel := context.WithCancel(t.Context())
	var lookups kafka.LookupCounter
	done := make(chan struct{})
	go func() {
		defer close(done)
		kafka.ConsumePartition(ctx, c, 0, &lookups)
	}()
	defer func() { cancel(); <-done }()
	wait()
	cancel()
	<-done
	return lookups.Calls
}
