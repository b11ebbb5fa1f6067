package kafka_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/huleedu/edge/adapters/kafka"
	"github.com/huleedu/edge/domain"
)

// commitTransactions writes one event in each transaction and returns their ids;
// the last transaction is aborted.
func (s *stage) commitTransactions(t *testing.T, user domain.UserID, count int) []string {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(s.addr), kgo.DefaultProduceTopic(s.topic), kgo.TransactionalID(unique("tx")))
	require.NoError(t, err)
	defer client.Close()
	ids := make([]string, count)
	for i := range ids {
		var value []byte
		ids[i], value = s.event(user, nil)
		require.NoError(t, client.BeginTransaction())
		require.NoError(t, client.ProduceSync(t.Context(), &kgo.Record{Key: []byte(user), Value: value}).FirstErr())
		end := kgo.TryCommit
		if i == count-1 {
			end = kgo.TryAbort
		}
		require.NoError(t, client.EndTransaction(t.Context(), end))
	}
	return ids
}

// Markers end a transaction and are no records: they are neither delivered nor
// buried nor counted, and their offsets are committed. A record of a producer that
// only looks like one is a dead letter.
func TestConsumerSkipsTransactionMarkers(t *testing.T) {
	onBoth(t, func(t *testing.T, s *stage) {
		create(t, s.addr, s.topic, nil)
		var log logged
		s.log = &log
		s.start(t)
		ids := s.commitTransactions(t, "u1", 4)
		// The library cannot tell records of aborted transactions: they are delivered.
		s.ledger.awaitIDs(t, "u1", ids)
		forged := &kgo.Record{Key: []byte{0, 0, 0, 1}, Value: []byte{0, 0, 0, 0, 0, 0}}
		s.produce(t, forged)
		s.ledger.awaitIDs(t, "u2", s.produceEvents(t, "u2", 1))
		s.facts.awaitResults(t, map[domain.NotificationResult]int{
			domain.NotificationPublished: 5, domain.NotificationDeadLetter: 1,
		})
		r := records(t, s.addr, s.topic+".dlq", 1)
		require.Len(t, r, 1)
		require.Equal(t, forged.Value, r[0].Value)
		require.Equal(t, 1, log.count("transactional producers"), "warned once")
	})
}

// On a topic with LogAppendTime the library hands out the producer's time, which
// says nothing about the record's age.
func TestConsumerExpiresNothingByAProducersClock(t *testing.T) {
	onBoth(t, func(t *testing.T, s *stage) {
		create(t, s.addr, s.topic, map[string]string{"message.timestamp.type": "LogAppendTime"})
		var log logged
		s.log = &log
		s.start(t)
		id, value := s.event("u1", nil)
		s.produce(t, &kgo.Record{Key: []byte("u1"), Value: value, Timestamp: time.Now().Add(-48 * time.Hour)})
		s.ledger.awaitIDs(t, "u1", []string{id})
		s.facts.awaitResults(t, map[domain.NotificationResult]int{domain.NotificationPublished: 1})
		require.Equal(t, 1, log.count("LogAppendTime"), "warned once")
	})
}

func TestConsumerExpiresOldRecordsOfOneBatch(t *testing.T) {
	onBoth(t, func(t *testing.T, s *stage) {
		create(t, s.addr, s.topic, nil)
		s.config = func(c *kafka.ConsumerConfig) { c.MaxAge = time.Hour }
		var batch []*kgo.Record
		for range 500 {
			_, value := s.event("u1", nil)
			batch = append(batch, &kgo.Record{Key: []byte("u1"), Value: bytes.Clone(value), Timestamp: time.Now().Add(-2 * time.Hour)})
		}
		s.produce(t, batch...)
		s.start(t)
		s.ledger.awaitIDs(t, "u1", s.produceEvents(t, "u1", 1))
		s.facts.awaitResults(t, map[domain.NotificationResult]int{
			domain.NotificationPublished: 1, domain.NotificationExpired: 500,
		})
	})
}

// A node that left the group because it heard nothing joins again later.
func TestConsumerRunsAgain(t *testing.T) {
	s := newStage(embedded(t).Addr())
	r := s.start(t)
	ids := s.produceEvents(t, "u1", 1)
	s.ledger.awaitIDs(t, "u1", ids)
	for range 2 {
		r.stop()
		require.Equal(t, domain.Degraded, r.Health(t.Context()).Condition)
		r = r.again(t)
		ids = append(ids, s.produceEvents(t, "u1", 1)...)
		s.produce(t, &kgo.Record{Key: []byte("u1"), Value: []byte("poison")})
		s.ledger.awaitIDs(t, "u1", ids)
	}
	s.facts.awaitResults(t, map[domain.NotificationResult]int{
		domain.NotificationPublished: 3, domain.NotificationDeadLetter: 2,
	})
}
