package kafka_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/huleedu/edge/adapters/kafka"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/recorded"
)

// commitTransactions writes one event in each transaction and returns their ids;
// the last transaction is aborted.
func (s *scenario) commitTransactions(t *testing.T, user domain.UserID, count int) []string {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(s.addr), kgo.DefaultProduceTopic(s.topic), kgo.TransactionalID(uniqueName("tx")))
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

// TestConsumerSkipsTransactionMarkers checks that markers are neither delivered nor counted, and
// that their offsets are committed. A record of a producer with the bytes of a marker is a dead
// letter.
func TestConsumerSkipsTransactionMarkers(t *testing.T) {
	onBothBrokers(t, func(t *testing.T, s *scenario) {
		createTopic(t, s.addr, s.topic, nil)
		var log recorded.Log
		s.log = &log
		s.start(t)
		ids := s.commitTransactions(t, "u1", 4)
		// The library does not recognize records of aborted transactions, so they are delivered.
		s.published.awaitIDs(t, "u1", ids)
		forged := &kgo.Record{Key: []byte{0, 0, 0, 1}, Value: []byte{0, 0, 0, 0, 0, 0}}
		s.produce(t, forged)
		s.published.awaitIDs(t, "u2", s.produceEvents(t, "u2", 1))
		s.facts.awaitResults(t, map[domain.NotificationResult]int{
			domain.NotificationPublished: 5, domain.NotificationDeadLetter: 1,
		})
		r := records(t, s.addr, s.topic+".dlq", 1)
		require.Len(t, r, 1)
		require.Equal(t, forged.Value, r[0].Value)
		require.Equal(t, 1, log.Count("transactional producers"), "warned once")
	})
}

// TestConsumerExpiresNoRecordByTheProducersTime: on a topic with LogAppendTime the library returns
// the producer's time, which is not the record's.
func TestConsumerExpiresNoRecordByTheProducersTime(t *testing.T) {
	onBothBrokers(t, func(t *testing.T, s *scenario) {
		createTopic(t, s.addr, s.topic, map[string]string{"message.timestamp.type": "LogAppendTime"})
		var log recorded.Log
		s.log = &log
		s.start(t)
		id, value := s.event("u1", nil)
		s.produce(t, &kgo.Record{Key: []byte("u1"), Value: value, Timestamp: time.Now().Add(-48 * time.Hour)})
		s.published.awaitIDs(t, "u1", []string{id})
		s.facts.awaitResults(t, map[domain.NotificationResult]int{domain.NotificationPublished: 1})
		require.Equal(t, 1, log.Count("LogAppendTime"), "warned once")
	})
}

func TestConsumerExpiresOldRecordsOfOneBatch(t *testing.T) {
	onBothBrokers(t, func(t *testing.T, s *scenario) {
		createTopic(t, s.addr, s.topic, nil)
		s.config = func(c *kafka.ConsumerConfig) { c.MaxAge = time.Hour }
		var batch []*kgo.Record
		for range 500 {
			_, value := s.event("u1", nil)
			batch = append(batch, &kgo.Record{Key: []byte("u1"), Value: bytes.Clone(value), Timestamp: time.Now().Add(-2 * time.Hour)})
		}
		s.produce(t, batch...)
		s.start(t)
		s.published.awaitIDs(t, "u1", s.produceEvents(t, "u1", 1))
		s.facts.awaitResults(t, map[domain.NotificationResult]int{
			domain.NotificationPublished: 1, domain.NotificationExpired: 500,
		})
	})
}

// TestConsumerRunsAgain checks that Run can be called again after it has returned.
func TestConsumerRunsAgain(t *testing.T) {
	s := newScenario(embedded(t).Addr())
	r := s.start(t)
	ids := s.produceEvents(t, "u1", 1)
	s.published.awaitIDs(t, "u1", ids)
	for range 2 {
		r.stop()
		require.Equal(t, domain.Degraded, r.Health(t.Context()).Condition)
		r = r.run(t)
		ids = append(ids, s.produceEvents(t, "u1", 1)...)
		s.produce(t, &kgo.Record{Key: []byte("u1"), Value: []byte("no envelope")})
		s.published.awaitIDs(t, "u1", ids)
	}
	s.facts.awaitResults(t, map[domain.NotificationResult]int{
		domain.NotificationPublished: 3, domain.NotificationDeadLetter: 2,
	})
}
