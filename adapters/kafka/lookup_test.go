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

// A backlog of records that must be read again is fetched batch by batch, not record by
// record: dead letters, records that are too old, and what only looks like a marker.
func TestBacklogIsLookedUpByBatch(t *testing.T) {
	const backlog = 60
	old := time.Now().Add(-48 * time.Hour)
	cases := map[string]struct {
		record func(s *stage) *kgo.Record
		want   domain.NotificationResult
	}{
		"dead letters": {
			func(*stage) *kgo.Record { return &kgo.Record{Key: []byte("k"), Value: []byte("no envelope")} },
			domain.NotificationDeadLetter,
		},
		"dead letters with the sizes of a marker": {
			func(*stage) *kgo.Record { return &kgo.Record{Key: make([]byte, 4), Value: make([]byte, 6)} },
			domain.NotificationDeadLetter,
		},
		"expired": {
			func(s *stage) *kgo.Record {
				_, value := s.event("u1", nil)
				return &kgo.Record{Key: []byte("u1"), Value: value, Timestamp: old}
			},
			domain.NotificationExpired,
		},
	}
	k := embedded(t)
	for name, one := range cases {
		t.Run(name, func(t *testing.T) {
			s := newStage(k.Addr())
			create(t, s.addr, s.topic, nil)
			batch := make([]*kgo.Record, backlog)
			for i := range batch {
				batch[i] = one.record(s)
			}
			s.produce(t, batch...)
			calls := s.follow(t, func() { s.facts.awaitResults(t, map[domain.NotificationResult]int{one.want: backlog}) })
			require.LessOrEqual(t, calls, 5)
		})
	}
}

// A backlog of small transactions costs one fetch for each MiB: neither its markers nor
// the old records between them are fetched one by one.
func TestBacklogOfTransactionsIsLookedUpAtOnce(t *testing.T) {
	s := newStage(embedded(t).Addr())
	create(t, s.addr, s.topic, nil)
	s.config = func(c *kafka.ConsumerConfig) { c.MaxAge = time.Nanosecond }
	const count = 20
	s.commitTransactions(t, "u1", count)
	calls := s.follow(t, func() {
		s.facts.awaitResults(t, map[domain.NotificationResult]int{domain.NotificationExpired: count})
	})
	require.LessOrEqual(t, calls, 3)
}

// follow processes the only partition until the wait ends, and returns the number of
// requests for records that had been read before.
func (s *stage) follow(t *testing.T, wait func()) int {
	t.Helper()
	c := s.newConsumer(t)
	ctx, cancel := context.WithCancel(t.Context())
	var lookups kafka.CountLookups
	done := make(chan struct{})
	go func() {
		defer close(done)
		kafka.Follow(ctx, c, 0, &lookups)
	}()
	defer func() { cancel(); <-done }()
	wait()
	cancel()
	<-done
	return lookups.Calls
}
