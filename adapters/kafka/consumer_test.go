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

var errAway = errors.New("away")

// committed waits until the group has finished so many records of the stage.
func (s *stage) committed(t *testing.T, k *world.Kafka, want int64) {
	t.Helper()
	require.Eventually(t, func() bool {
		var sum int64
		for _, offset := range k.Committed(s.group, s.topic) {
			sum += offset
		}
		return sum == want
	}, 20*time.Second, 10*time.Millisecond, "the group never committed %d records", want)
}

// onBoth runs a test on the embedded broker and on the real one.
func onBoth(t *testing.T, test func(t *testing.T, s *stage)) {
	t.Run("embedded", func(t *testing.T) { test(t, newStage(embedded(t).Addr())) })
	t.Run("real", func(t *testing.T) { test(t, newStage(servers.Kafka(t))) })
}

func TestConsumerHandsOverInOrder(t *testing.T) {
	onBoth(t, func(t *testing.T, s *stage) {
		r := s.start(t)
		first, second := s.produceEvents(t, "u1", 50), s.produceEvents(t, "u2", 50)
		s.ledger.awaitIDs(t, "u1", first)
		s.ledger.awaitIDs(t, "u2", second)
		s.facts.awaitResults(t, map[domain.NotificationResult]int{domain.NotificationPublished: 100})
		require.Equal(t, domain.Healthy, r.awaitHealth(t, domain.Healthy).Condition)
		for _, fact := range s.facts.all() {
			if handled, ok := fact.(domain.NotificationHandled); ok {
				require.Less(t, handled.Lag, time.Minute)
			}
		}
	})
}

func TestConsumerStartsFromTheEarliest(t *testing.T) {
	s := newStage(embedded(t).Addr())
	ids := s.produceEvents(t, "u1", 3)
	s.start(t)
	s.ledger.awaitIDs(t, "u1", ids)
}

func TestConsumerRestartLosesNothing(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, s *stage) {
		r := s.start(t)
		first := s.produceEvents(t, "u1", 200)
		s.ledger.await(t, "some of them", func() bool { return len(s.ledger.ids("u1")) >= 20 })
		r.stop()
		second := s.produceEvents(t, "u1", 20)
		s.start(t)
		s.ledger.awaitIDs(t, "u1", append(first, second...))
	})
}

func TestConsumerCommitsWhatIsFinishedAndLeavesAtOnce(t *testing.T) {
	k := embedded(t)
	s := newStage(k.Addr())
	r := s.start(t)
	ids := s.produceEvents(t, "u1", 10)
	s.ledger.awaitIDs(t, "u1", ids)
	r.stop()
	require.Zero(t, k.Members(s.group), "still a member")
	s.committed(t, k, 10)
	next := newStage(k.Addr())
	next.topic, next.group, next.ledger = s.topic, s.group, s.ledger
	next.start(t)
	ids = append(ids, s.produceEvents(t, "u1", 1)...)
	s.ledger.awaitIDs(t, "u1", ids)
	require.Zero(t, s.ledger.repeated(), "a finished record came again")
}

// TestConsumerKeepsRecordsWhoseCommitFails: it is one record, so that no later one
// brings its commit along.
func TestConsumerKeepsRecordsWhoseCommitFails(t *testing.T) {
	k := embedded(t)
	s := newStage(k.Addr())
	refusal := k.FailCommits(s.group)
	s.start(t)
	s.ledger.awaitIDs(t, "u1", s.produceEvents(t, "u1", 1))
	require.NoError(t, refusal.WaitHit(t.Context()))
	require.Empty(t, k.Committed(s.group, s.topic))
	refusal.Remove()
	s.committed(t, k, 1)
}

func TestConsumerCountsDuplicates(t *testing.T) {
	s := newStage(embedded(t).Addr())
	s.start(t)
	id, value := s.event("u1", nil)
	record := func() *kgo.Record { return &kgo.Record{Key: []byte("u1"), Value: value} }
	s.produce(t, record(), record())
	s.ledger.await(t, "both", func() bool { return s.ledger.repeated() == 1 })
	require.Equal(t, []string{id}, s.ledger.ids("u1"))
	s.facts.awaitResults(t, map[domain.NotificationResult]int{
		domain.NotificationPublished: 1, domain.NotificationDuplicate: 1,
	})
}

func TestConsumerBuriesWhatCanNeverSucceed(t *testing.T) {
	onBoth(t, func(t *testing.T, s *stage) {
		_, good := s.event("u1", nil)
		_, nobody := s.event("", nil)
		poison := map[string][]byte{
			"PARSING_ERROR: no json":       []byte("not json"),
			"PARSING_ERROR: tombstone":     nil,
			"PARSING_ERROR: no event id":   bytes.Replace(good, []byte(`"event_id"`), []byte(`"eventid"`), 1),
			"PARSING_ERROR: other type":    bytes.Replace(good, []byte(s.topic), []byte("other"), 1),
			"VALIDATION_ERROR: no user":    nobody,
			"VALIDATION_ERROR: too large":  bytes.Replace(good, []byte(`"n":1`), []byte(`"n":"`+strings.Repeat("x", 262100)+`"`), 1),
			"VALIDATION_ERROR: very large": bytes.Replace(good, []byte(`"n":1`), []byte(`"n":"`+strings.Repeat("x", 900_000)+`"`), 1),
		}
		s.start(t)
		for name, value := range poison {
			s.produce(t, &kgo.Record{Key: []byte(name), Value: value, Headers: []kgo.RecordHeader{{Key: "event_id", Value: []byte("e1")}}})
		}
		s.ledger.awaitIDs(t, "u1", s.produceEvents(t, "u1", 1))
		for _, r := range records(t, s.addr, s.topic+".dlq", len(poison)) {
			name := string(r.Key)
			require.Equal(t, poison[name], r.Value, name)
			require.Len(t, r.Headers, 3, name)
			require.Equal(t, kgo.RecordHeader{Key: "event_id", Value: []byte("e1")}, r.Headers[0])
			require.Equal(t, "dlq_reason", r.Headers[1].Key)
			code, _, _ := strings.Cut(name, ":")
			require.True(t, strings.HasPrefix(string(r.Headers[1].Value), code+": "), string(r.Headers[1].Value))
			require.Equal(t, "dlq_source", r.Headers[2].Key)
			require.Regexp(t, "^"+s.topic+`/\d+/\d+$`, string(r.Headers[2].Value))
		}
		s.facts.awaitResults(t, map[domain.NotificationResult]int{
			domain.NotificationPublished: 1, domain.NotificationDeadLetter: len(poison),
		})
	})
}

func TestConsumerBuriesWhatPanicsThreeTimes(t *testing.T) {
	s := newStage(embedded(t).Addr())
	s.ledger.kept = nil // writing to it panics
	s.start(t)
	s.produceEvents(t, "u1", 1)
	r := records(t, s.addr, s.topic+".dlq", 1)[0]
	require.Equal(t, "UNKNOWN_ERROR: An unexpected error occurred: panic while handing over", string(r.Headers[0].Value))
	s.facts.awaitResults(t, map[domain.NotificationResult]int{domain.NotificationRetried: 2, domain.NotificationDeadLetter: 1})
	require.Zero(t, s.ledger.controlled(), "a panic needs no control")
}

func TestConsumerKeepsWhatMaySucceedLater(t *testing.T) {
	t.Parallel()
	k := embedded(t)
	s := newStage(k.Addr())
	// The users' keys are spread over all partitions; one of them stands still.
	s.ledger.refuseUser("stuck", domain.Unreachable("redis", errAway))
	r := s.start(t)
	waiting := s.produceEvents(t, "stuck", 5)
	for range 3 {
		for _, user := range []domain.UserID{"a", "b", "c", "d", "e", "f", "g", "h"} {
			s.produceEvents(t, user, 1)
		}
	}
	s.ledger.await(t, "the other partitions", func() bool {
		moved := 0
		for _, user := range []domain.UserID{"a", "b", "c", "d", "e", "f", "g", "h"} {
			if len(s.ledger.ids(user)) >= 3 {
				moved++
			}
		}
		return moved >= 3
	})
	require.Empty(t, s.ledger.ids("stuck"))
	require.Equal(t, domain.Degraded, r.awaitHealth(t, domain.Degraded).Condition)
	require.Positive(t, s.facts.results()[domain.NotificationRetried])
	s.facts.awaitDegraded(t, true)
	s.ledger.refuseUser("stuck", nil)
	s.ledger.awaitIDs(t, "stuck", waiting)
	require.Zero(t, s.facts.results()[domain.NotificationDeadLetter])
	s.committed(t, k, 5+3*8)
	r.awaitHealth(t, domain.Healthy)
	s.facts.awaitDegraded(t, false)
}

// TestConsumerHandsOverSoonAfterALongOutage: however many attempts failed, the
// next one is near.
func TestConsumerHandsOverSoonAfterALongOutage(t *testing.T) {
	t.Parallel()
	s := newStage(embedded(t).Addr())
	s.ledger.refuseUser("u1", domain.Unreachable("redis", errAway))
	s.start(t)
	ids := s.produceEvents(t, "u1", 1)
	require.Eventually(t, func() bool { return s.facts.results()[domain.NotificationRetried] >= 11 }, 40*time.Second, time.Millisecond)
	s.ledger.refuseUser("u1", nil)
	back := time.Now()
	s.ledger.awaitIDs(t, "u1", ids)
	require.Less(t, time.Since(back), 2*time.Second)
}

func TestConsumerKeepsWhatCannotBeBuried(t *testing.T) {
	t.Parallel()
	k := embedded(t)
	s := newStage(k.Addr())
	refusal := k.FailWrites(s.topic + ".dlq")
	s.start(t)
	s.produce(t, &kgo.Record{Key: []byte("u1"), Value: []byte("poison")})
	ids := s.produceEvents(t, "u1", 1)
	require.Eventually(t, func() bool { return s.facts.results()[domain.NotificationRetried] > 0 }, 20*time.Second, 10*time.Millisecond)
	require.Empty(t, s.ledger.ids("u1"), "the record behind it must wait")
	require.Empty(t, k.Committed(s.group, s.topic))
	refusal.Remove()
	s.ledger.awaitIDs(t, "u1", ids)
	require.Len(t, records(t, s.addr, s.topic+".dlq", 1), 1)
}

func TestConsumerPassesOverWhatIsTooOld(t *testing.T) {
	onBoth(t, func(t *testing.T, s *stage) {
		s.start(t)
		_, value := s.event("u1", nil)
		old := time.Now().Add(-25 * time.Hour)
		s.produce(t,
			&kgo.Record{Key: []byte("u1"), Value: value, Timestamp: old},
			&kgo.Record{Key: []byte("u1"), Value: []byte("poison"), Timestamp: old})
		s.ledger.awaitIDs(t, "u1", s.produceEvents(t, "u1", 1))
		s.facts.awaitResults(t, map[domain.NotificationResult]int{
			domain.NotificationPublished: 1, domain.NotificationExpired: 2,
		})
	})
}

func TestConsumerContinuesTheTrace(t *testing.T) {
	s := newStage(embedded(t).Addr())
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
	s.ledger.await(t, "both", func() bool { return len(s.ledger.ids("u1")) == 2 })
	require.Equal(t, "0af7651916cd43dd8448eb211c80319c", s.ledger.traces[0].TraceID().String())
	require.Equal(t, "11111111111111111111111111111111", s.ledger.traces[1].TraceID().String())
	require.Eventually(t, func() bool { return len(spans.Ended()) == 2 }, 5*time.Second, time.Millisecond)
	require.Equal(t, "websocket.consume_notification", spans.Ended()[0].Name())
	require.Equal(t, "b7ad6b7169203331", spans.Ended()[0].Parent().SpanID().String())
}

func TestConsumerWaitsForTheBroker(t *testing.T) {
	k := embedded(t)
	s := newStage(k.Addr())
	ids := s.produceEvents(t, "u1", 2)
	k.Disconnect()
	r := s.start(t)
	require.Equal(t, domain.Degraded, r.awaitHealth(t, domain.Degraded).Condition)
	require.Eventually(t, func() bool { return r.Health(t.Context()).Err != nil }, 10*time.Second, 10*time.Millisecond)
	require.Equal(t, []bool{true}, s.facts.degraded(), "told once, from the start")
	k.Resume()
	s.ledger.awaitIDs(t, "u1", ids)
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
	s := newStage(k.Addr())
	r := s.start(t)
	ids := s.produceEvents(t, "u1", 2)
	s.ledger.awaitIDs(t, "u1", ids)
	for _, leave := range []func(){k.Disconnect, k.Hang} {
		leave()
		r.awaitHealth(t, domain.Degraded)
		s.facts.awaitDegraded(t, true)
		k.Resume()
		ids = append(ids, s.produceEvents(t, "u1", 2)...)
		s.ledger.awaitIDs(t, "u1", ids)
		r.awaitHealth(t, domain.Healthy)
		s.facts.awaitDegraded(t, false)
	}
}

func TestConsumerLeavesAHungBrokerSoon(t *testing.T) {
	t.Parallel()
	k := embedded(t)
	s := newStage(k.Addr())
	r := s.start(t)
	s.ledger.awaitIDs(t, "u1", s.produceEvents(t, "u1", 2))
	k.Hang()
	began := time.Now()
	r.stop()
	require.Less(t, time.Since(began), 15*time.Second)
}

func TestConsumersShareThePartitions(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, s *stage) {
		first := s.start(t)
		users := []domain.UserID{"a", "b", "c", "d", "e", "f", "g", "h"}
		want := map[domain.UserID][]string{}
		more := func() {
			for _, user := range users {
				want[user] = append(want[user], s.produceEvents(t, user, 10)...)
			}
		}
		more()
		second := newStage(s.addr)
		second.topic, second.group, second.ledger = s.topic, s.group, s.ledger
		other := second.start(t)
		for len(second.facts.results()) == 0 { // until the second has a share
			more()
		}
		first.stop()
		more()
		for _, user := range users {
			s.ledger.awaitIDs(t, user, want[user])
		}
		other.awaitHealth(t, domain.Healthy)
	})
}

func TestConsumerTakesALogThatWasMadeAnew(t *testing.T) {
	onBoth(t, func(t *testing.T, s *stage) {
		ids := s.produceEvents(t, "u1", 3)
		commitAhead(t, s, 1000)
		s.start(t)
		s.ledger.awaitIDs(t, "u1", ids)
	})
}

func TestConsumerReportsEveryBadSetting(t *testing.T) {
	bad := kafka.ConsumerConfig{
		Brokers: "kafka", Security: kafka.Security{Protocol: "SASL_SSL", Mechanism: "MD5", CAFile: "/does/not/exist"},
	}
	keys := map[any]bool{}
	for _, problem := range bad.Problems(domain.Testing) {
		require.Equal(t, domain.ConfigurationError, domain.CodeOf(problem))
		keys[domain.As(problem).Setting] = true
	}
	require.Len(t, keys, 8)
	_, err := kafka.NewConsumer(bad, nil, nil, newStage("").traces, quiet())
	require.Equal(t, domain.InitializationFailed, domain.CodeOf(err))
	good := kafka.ConsumerConfig{Brokers: "a:1, b:2", Group: "g", MaxBytes: 1, MaxAge: 1}
	require.Empty(t, good.Problems(domain.Production))
}

// BenchmarkConsumer measures a backlog: how long one record of three
// partitions takes when the hand-over itself costs nothing.
func BenchmarkConsumer(b *testing.B) {
	brokers := map[string]func(testing.TB) string{
		"embedded": func(t testing.TB) string { return embedded(t).Addr() },
		"real":     servers.Kafka,
	}
	for name, broker := range brokers {
		b.Run(name, func(b *testing.B) {
			s := newStage(broker(b))
			const users = 300
			for user := range users {
				s.produceEvents(b, domain.UserID(strconv.Itoa(user)), (b.N+users-1)/users)
			}
			b.ResetTimer()
			s.start(b)
			s.ledger.await(b, "the backlog", func() bool { return s.ledger.total() >= b.N })
		})
	}
}
