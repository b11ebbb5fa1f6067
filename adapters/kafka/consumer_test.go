package kafka_test

import (
	"bytes"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/huleedu/edge/adapters/kafka"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/servers"
	"github.com/huleedu/edge/test/world"
)

var errUnavailable = errors.New("away")

// awaitCommitted waits until the group has committed the number of records.
func (s *scenario) awaitCommitted(t *testing.T, k *world.Kafka, want int64) {
	t.Helper()
	require.Eventually(t, func() bool {
		var sum int64
		for _, offset := range k.Committed(s.group, s.topic) {
			sum += offset
		}
		return sum == want
	}, 20*time.Second, 10*time.Millisecond, "the group has not committed %d records", want)
}

// onBothBrokers runs a test with the embedded broker and with a real one.
func onBothBrokers(t *testing.T, test func(t *testing.T, s *scenario)) {
	t.Run("embedded", func(t *testing.T) { test(t, newScenario(embedded(t).Addr())) })
	t.Run("real", func(t *testing.T) { test(t, newScenario(servers.Kafka(t))) })
}

func TestConsumerPublishesInOrder(t *testing.T) {
	onBothBrokers(t, func(t *testing.T, s *scenario) {
		r := s.start(t)
		first, second := s.produceEvents(t, "u1", 50), s.produceEvents(t, "u2", 50)
		s.published.awaitIDs(t, "u1", first)
		s.published.awaitIDs(t, "u2", second)
		s.facts.awaitResults(t, map[domain.NotificationResult]int{domain.NotificationPublished: 100})
		require.Equal(t, domain.Healthy, r.awaitHealth(t, domain.Healthy).Condition)
		for _, fact := range s.facts.All() {
			if handled, ok := fact.(domain.NotificationHandled); ok {
				require.Less(t, handled.Lag, time.Minute)
			}
		}
	})
}

func TestConsumerStartsWithTheFirstRecord(t *testing.T) {
	s := newScenario(embedded(t).Addr())
	ids := s.produceEvents(t, "u1", 3)
	s.start(t)
	s.published.awaitIDs(t, "u1", ids)
}

func TestConsumerRestartLosesNothing(t *testing.T) {
	t.Parallel()
	onBothBrokers(t, func(t *testing.T, s *scenario) {
		r := s.start(t)
		first := s.produceEvents(t, "u1", 200)
		s.published.await(t, "some of them", func() bool { return len(s.published.ids("u1")) >= 20 })
		r.stop()
		second := s.produceEvents(t, "u1", 20)
		s.start(t)
		s.published.awaitIDs(t, "u1", append(first, second...))
	})
}

func TestConsumerCommitsAndLeavesTheGroupWhenItStops(t *testing.T) {
	k := embedded(t)
	s := newScenario(k.Addr())
	r := s.start(t)
	ids := s.produceEvents(t, "u1", 10)
	s.published.awaitIDs(t, "u1", ids)
	r.stop()
	require.Zero(t, k.Members(s.group), "still a member")
	s.awaitCommitted(t, k, 10)
	next := newScenario(k.Addr())
	next.topic, next.group, next.published = s.topic, s.group, s.published
	next.start(t)
	ids = append(ids, s.produceEvents(t, "u1", 1)...)
	s.published.awaitIDs(t, "u1", ids)
	require.Zero(t, s.published.duplicateCount(), "a finished record was delivered again")
}

// TestConsumerRepeatsAFailedCommit uses a single record, because the commit of a later record
// would include the first one.
func TestConsumerRepeatsAFailedCommit(t *testing.T) {
	k := embedded(t)
	s := newScenario(k.Addr())
	fault := k.FailCommits(s.group)
	s.start(t)
	s.published.awaitIDs(t, "u1", s.produceEvents(t, "u1", 1))
	require.NoError(t, fault.WaitHit(t.Context()))
	require.Empty(t, k.Committed(s.group, s.topic))
	fault.Remove()
	s.awaitCommitted(t, k, 1)
}

func TestConsumerCountsDuplicates(t *testing.T) {
	s := newScenario(embedded(t).Addr())
	s.start(t)
	id, value := s.event("u1", nil)
	record := func() *kgo.Record { return &kgo.Record{Key: []byte("u1"), Value: value} }
	s.produce(t, record(), record())
	s.published.await(t, "both", func() bool { return s.published.duplicateCount() == 1 })
	require.Equal(t, []string{id}, s.published.ids("u1"))
	s.facts.awaitResults(t, map[domain.NotificationResult]int{
		domain.NotificationPublished: 1, domain.NotificationDuplicate: 1,
	})
}

func TestConsumerWritesInvalidRecordsToTheDeadLetterTopic(t *testing.T) {
	onBothBrokers(t, func(t *testing.T, s *scenario) {
		_, good := s.event("u1", nil)
		_, noUser := s.event("", nil)
		invalid := map[string][]byte{
			"PARSING_ERROR: no json":       []byte("not json"),
			"PARSING_ERROR: tombstone":     nil,
			"PARSING_ERROR: no event id":   bytes.Replace(good, []byte(`"event_id"`), []byte(`"eventid"`), 1),
			"PARSING_ERROR: other type":    bytes.Replace(good, []byte(s.topic), []byte("other"), 1),
			"VALIDATION_ERROR: no user":    noUser,
			"VALIDATION_ERROR: too large":  bytes.Replace(good, []byte(`"n":1`), []byte(`"n":"`+strings.Repeat("x", 262100)+`"`), 1),
			"VALIDATION_ERROR: very large": bytes.Replace(good, []byte(`"n":1`), []byte(`"n":"`+strings.Repeat("x", 900_000)+`"`), 1),
		}
		s.start(t)
		for name, value := range invalid {
			s.produce(t, &kgo.Record{Key: []byte(name), Value: value, Headers: []kgo.RecordHeader{{Key: "event_id", Value: []byte("e1")}}})
		}
		s.published.awaitIDs(t, "u1", s.produceEvents(t, "u1", 1))
		for _, r := range records(t, s.addr, s.topic+".dlq", len(invalid)) {
			name := string(r.Key)
			require.Equal(t, invalid[name], r.Value, name)
			require.Len(t, r.Headers, 3, name)
			require.Equal(t, kgo.RecordHeader{Key: "event_id", Value: []byte("e1")}, r.Headers[0])
			require.Equal(t, "dlq_reason", r.Headers[1].Key)
			code, _, _ := strings.Cut(name, ":")
			require.True(t, strings.HasPrefix(string(r.Headers[1].Value), code+": "), string(r.Headers[1].Value))
			require.Equal(t, "dlq_source", r.Headers[2].Key)
			require.Regexp(t, "^"+s.topic+`/\d+/\d+$`, string(r.Headers[2].Value))
		}
		s.facts.awaitResults(t, map[domain.NotificationResult]int{
			domain.NotificationPublished: 1, domain.NotificationDeadLetter: len(invalid),
		})
	})
}

func TestConsumerWritesADeadLetterAfterThreePanics(t *testing.T) {
	s := newScenario(embedded(t).Addr())
	s.published.events = nil // writing to it panics
	s.start(t)
	s.produceEvents(t, "u1", 1)
	r := records(t, s.addr, s.topic+".dlq", 1)[0]
	require.Equal(t, "UNKNOWN_ERROR: An unexpected error occurred: panic while handing over", string(r.Headers[0].Value))
	s.facts.awaitResults(t, map[domain.NotificationResult]int{domain.NotificationRetried: 2, domain.NotificationDeadLetter: 1})
	require.Zero(t, s.published.controlCount(), "a panic does not need a control")
}

func TestConsumerRetriesTemporaryErrors(t *testing.T) {
	t.Parallel()
	k := embedded(t)
	s := newScenario(k.Addr())
	// The keys are spread over all partitions; the partition of this user waits.
	s.published.failUser("waiting", domain.Unreachable("redis", errUnavailable))
	r := s.start(t)
	waiting := s.produceEvents(t, "waiting", 5)
	for range 3 {
		for _, user := range []domain.UserID{"a", "b", "c", "d", "e", "f", "g", "h"} {
			s.produceEvents(t, user, 1)
		}
	}
	s.published.await(t, "the other partitions", func() bool {
		moved := 0
		for _, user := range []domain.UserID{"a", "b", "c", "d", "e", "f", "g", "h"} {
			if len(s.published.ids(user)) >= 3 {
				moved++
			}
		}
		return moved >= 3
	})
	require.Empty(t, s.published.ids("waiting"))
	require.Equal(t, domain.Degraded, r.awaitHealth(t, domain.Degraded).Condition)
	require.Positive(t, s.facts.results()[domain.NotificationRetried])
	s.facts.awaitDegraded(t, true)
	s.published.failUser("waiting", nil)
	s.published.awaitIDs(t, "waiting", waiting)
	require.Zero(t, s.facts.results()[domain.NotificationDeadLetter])
	s.awaitCommitted(t, k, 5+3*8)
	r.awaitHealth(t, domain.Healthy)
	s.facts.awaitDegraded(t, false)
}

// TestConsumerContinuesSoonAfterALongOutage checks that the backoff between attempts is limited.
func TestConsumerContinuesSoonAfterALongOutage(t *testing.T) {
	t.Parallel()
	s := newScenario(embedded(t).Addr())
	s.published.failUser("u1", domain.Unreachable("redis", errUnavailable))
	s.start(t)
	ids := s.produceEvents(t, "u1", 1)
	require.Eventually(t, func() bool { return s.facts.results()[domain.NotificationRetried] >= 11 }, 40*time.Second, time.Millisecond)
	s.published.failUser("u1", nil)
	restored := time.Now()
	s.published.awaitIDs(t, "u1", ids)
	require.Less(t, time.Since(restored), 2*time.Second)
}

func TestConsumerWaitsForTheDeadLetterTopic(t *testing.T) {
	t.Parallel()
	k := embedded(t)
	s := newScenario(k.Addr())
	fault := k.FailWrites(s.topic + ".dlq")
	s.start(t)
	s.produce(t, &kgo.Record{Key: []byte("u1"), Value: []byte("no envelope")})
	ids := s.produceEvents(t, "u1", 1)
	require.Eventually(t, func() bool { return s.facts.results()[domain.NotificationRetried] > 0 }, 20*time.Second, 10*time.Millisecond)
	require.Empty(t, s.published.ids("u1"), "the record behind it must wait")
	require.Empty(t, k.Committed(s.group, s.topic))
	fault.Remove()
	s.published.awaitIDs(t, "u1", ids)
	require.Len(t, records(t, s.addr, s.topic+".dlq", 1), 1)
}

func TestConsumerSkipsExpiredRecords(t *testing.T) {
	onBothBrokers(t, func(t *testing.T, s *scenario) {
		s.start(t)
		_, value := s.event("u1", nil)
		old := time.Now().Add(-25 * time.Hour)
		s.produce(t,
			&kgo.Record{Key: []byte("u1"), Value: value, Timestamp: old},
			&kgo.Record{Key: []byte("u1"), Value: []byte("no envelope"), Timestamp: old})
		s.published.awaitIDs(t, "u1", s.produceEvents(t, "u1", 1))
		s.facts.awaitResults(t, map[domain.NotificationResult]int{
			domain.NotificationPublished: 1, domain.NotificationExpired: 2,
		})
	})
}

func TestConsumerContinuesTheTrace(t *testing.T) {
	s := newScenario(embedded(t).Addr())
	spans := tracetest.NewSpanRecorder()
	s.traces = sdk.NewTracerProvider(sdk.WithSpanProcessor(spans))
	s.start(t)
	inEnvelope := "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	inHeader := "00-11111111111111111111111111111111-b7ad6b7169203331-01"
	_, first := s.event("u1", map[string]string{"traceparent": inEnvelope})
	_, second := s.event("u1", nil)
	header := []kgo.RecordHeader{{Key: "traceparent", Value: []byte(inHeader)}}
	s.produce(t, &kgo.Record{Key: []byte("u1"), Value: first, Headers: header})
	s.produce(t, &kgo.Record{Key: []byte("u1"), Value: second, Headers: header})
	s.published.await(t, "both", func() bool { return len(s.published.ids("u1")) == 2 })
	require.Equal(t, "0af7651916cd43dd8448eb211c80319c", s.published.traces[0].TraceID().String())
	require.Equal(t, "11111111111111111111111111111111", s.published.traces[1].TraceID().String())
	require.Eventually(t, func() bool { return len(spans.Ended()) == 2 }, 5*time.Second, time.Millisecond)
	require.Equal(t, "websocket.consume_notification", spans.Ended()[0].Name())
	require.Equal(t, "b7ad6b7169203331", spans.Ended()[0].Parent().SpanID().String())
}

func TestConsumerWaitsForTheBroker(t *testing.T) {
	k := embedded(t)
	s := newScenario(k.Addr())
	ids := s.produceEvents(t, "u1", 2)
	k.Disconnect()
	r := s.start(t)
	require.Equal(t, domain.Degraded, r.awaitHealth(t, domain.Degraded).Condition)
	require.Eventually(t, func() bool { return r.Health(t.Context()).Err != nil }, 10*time.Second, 10*time.Millisecond)
	require.Equal(t, []bool{true}, s.facts.degraded(), "reported once, at start")
	k.Resume()
	s.published.awaitIDs(t, "u1", ids)
	health := r.awaitHealth(t, domain.Healthy)
	require.Equal(t, "kafka", health.Name)
	require.Empty(t, health.Note)
	s.facts.awaitDegraded(t, false)
	r.stop()
	s.facts.awaitDegraded(t, true)
}

func TestConsumerSurvivesOutages(t *testing.T) {
	t.Parallel()
	k := embedded(t)
	s := newScenario(k.Addr())
	r := s.start(t)
	ids := s.produceEvents(t, "u1", 2)
	s.published.awaitIDs(t, "u1", ids)
	for _, fail := range []func(){k.Disconnect, k.Hang} {
		fail()
		r.awaitHealth(t, domain.Degraded)
		s.facts.awaitDegraded(t, true)
		k.Resume()
		ids = append(ids, s.produceEvents(t, "u1", 2)...)
		s.published.awaitIDs(t, "u1", ids)
		r.awaitHealth(t, domain.Healthy)
		s.facts.awaitDegraded(t, false)
	}
}

func TestConsumerStopsWhileTheBrokerHangs(t *testing.T) {
	t.Parallel()
	k := embedded(t)
	s := newScenario(k.Addr())
	r := s.start(t)
	s.published.awaitIDs(t, "u1", s.produceEvents(t, "u1", 2))
	k.Hang()
	start := time.Now()
	r.stop()
	require.Less(t, time.Since(start), 15*time.Second)
}

func TestConsumersShareThePartitions(t *testing.T) {
	t.Parallel()
	onBothBrokers(t, func(t *testing.T, s *scenario) {
		first := s.start(t)
		users := []domain.UserID{"a", "b", "c", "d", "e", "f", "g", "h"}
		want := map[domain.UserID][]string{}
		more := func() {
			for _, user := range users {
				want[user] = append(want[user], s.produceEvents(t, user, 10)...)
			}
		}
		more()
		second := newScenario(s.addr)
		second.topic, second.group, second.published = s.topic, s.group, s.published
		other := second.start(t)
		for len(second.facts.results()) == 0 { // until the second has a partition
			more()
		}
		first.stop()
		more()
		for _, user := range users {
			s.published.awaitIDs(t, user, want[user])
		}
		other.awaitHealth(t, domain.Healthy)
	})
}

func TestConsumerStartsAgainWhenItsOffsetDoesNotExist(t *testing.T) {
	onBothBrokers(t, func(t *testing.T, s *scenario) {
		ids := s.produceEvents(t, "u1", 3)
		commitOffset(t, s, 1000)
		s.start(t)
		s.published.awaitIDs(t, "u1", ids)
	})
}

func TestConsumerReportsEveryInvalidSetting(t *testing.T) {
	bad := kafka.ConsumerConfig{
		Brokers: "kafka", Security: kafka.Security{Protocol: "SASL_SSL", Mechanism: "MD5", CAFile: "/does/not/exist"},
	}
	keys := map[any]bool{}
	for _, problem := range bad.Problems(domain.Testing) {
		require.Equal(t, domain.ConfigurationError, domain.CodeOf(problem))
		keys[domain.As(problem).Setting] = true
	}
	require.Len(t, keys, 8)
	_, err := kafka.NewConsumer(bad, nil, nil, newScenario("").traces, discardLog())
	require.Equal(t, domain.InitializationFailed, domain.CodeOf(err))
	good := kafka.ConsumerConfig{Brokers: "a:1, b:2", Group: "g", MaxBytes: 1, MaxAge: 1}
	require.Empty(t, good.Problems(domain.Production))
}

// BenchmarkConsumer measures the time of one record in a backlog on three partitions, with a
// publisher that costs almost nothing.
func BenchmarkConsumer(b *testing.B) {
	brokers := map[string]func(testing.TB) string{
		"embedded": func(t testing.TB) string { return embedded(t).Addr() },
		"real":     servers.Kafka,
	}
	for name, broker := range brokers {
		b.Run(name, func(b *testing.B) {
			s := newScenario(broker(b))
			const users = 300
			for user := range users {
				s.produceEvents(b, domain.UserID(strconv.Itoa(user)), (b.N+users-1)/users)
			}
			b.ResetTimer()
			s.start(b)
			s.published.await(b, "the backlog", func() bool { return s.published.total() >= b.N })
		})
	}
}
