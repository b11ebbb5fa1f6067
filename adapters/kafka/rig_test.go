package kafka_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/huleedu/edge/adapters/kafka"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
	"github.com/huleedu/edge/test/contract"
	"github.com/huleedu/edge/test/world"
)

// facts is an observer that remembers.
type facts struct {
	mu   sync.Mutex
	seen []domain.Fact
}

func (f *facts) Observe(fact domain.Fact) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seen = append(f.seen, fact)
}

// all returns the facts so far.
func (f *facts) all() []domain.Fact {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]domain.Fact(nil), f.seen...)
}

// results counts what became of notifications.
func (f *facts) results() map[domain.NotificationResult]int {
	out := map[domain.NotificationResult]int{}
	for _, fact := range f.all() {
		if handled, ok := fact.(domain.NotificationHandled); ok {
			out[handled.Result]++
		}
	}
	return out
}

// degraded lists what was told of how the consumer does.
func (f *facts) degraded() (told []bool) {
	for _, fact := range f.all() {
		if d, is := fact.(domain.ConsumerDegraded); is {
			told = append(told, d.Degraded)
		}
	}
	return told
}

// awaitDegraded returns once this is the last word on how the consumer does.
func (f *facts) awaitDegraded(t *testing.T, want bool) {
	t.Helper()
	require.Eventually(t, func() bool {
		told := f.degraded()
		return len(told) > 0 && told[len(told)-1] == want
	}, 40*time.Second, 10*time.Millisecond, "never told that degraded is %v", want)
}

// awaitResults returns once exactly this has become of notifications.
func (f *facts) awaitResults(t *testing.T, want map[domain.NotificationResult]int) {
	t.Helper()
	require.Eventually(t, func() bool { return maps.Equal(want, f.results()) }, 10*time.Second, time.Millisecond,
		"want %v", want)
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// embedded starts a broker in this process.
func embedded(t testing.TB, topics ...string) *world.Kafka {
	t.Helper()
	k, err := world.StartKafka("", topics...)
	require.NoError(t, err)
	t.Cleanup(k.Close)
	return k
}

// publisher connects to the broker at addr.
func publisher(t testing.TB, addr string, limit time.Duration, o ports.Observer) *kafka.Publisher {
	t.Helper()
	p, err := kafka.NewPublisher(kafka.PublisherConfig{Brokers: addr, Timeout: limit}, o, noop.NewTracerProvider(), quiet())
	require.NoError(t, err)
	t.Cleanup(func() { _ = p.Close(context.Background()) })
	return p
}

// records reads a topic from its beginning with another client library than
// the adapter's own, until there are at least so many.
func records(t testing.TB, addr, topic string, atLeast int) []*kgo.Record {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.ConsumeTopics(topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchMaxWait(100*time.Millisecond),
		kgo.MetadataMinAge(50*time.Millisecond))
	require.NoError(t, err)
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var out []*kgo.Record
	for len(out) < atLeast {
		fetches := client.PollFetches(ctx)
		require.NoError(t, ctx.Err(), "%d of %d records on %s: %v", len(out), atLeast, topic, fetches.Errors())
		out = append(out, fetches.Records()...)
	}
	return out
}

// published reads command records in the suite's terms.
func published(addr string) func(t testing.TB, topic domain.Topic, atLeast int) []contract.PublishedRecord {
	return func(t testing.TB, topic domain.Topic, atLeast int) []contract.PublishedRecord {
		var out []contract.PublishedRecord
		for _, r := range records(t, addr, string(topic), atLeast) {
			p := contract.PublishedRecord{Key: string(r.Key), Value: r.Value, Headers: map[string]string{}}
			require.NoError(t, json.Unmarshal(r.Value, &p.Envelope))
			for _, h := range r.Headers {
				p.Headers[h.Key] = string(h.Value)
			}
			out = append(out, p)
		}
		return out
	}
}

// harness brings the publisher to its suite, on the broker at addr.
func harness(addr string) contract.PublisherHarness {
	return contract.PublisherHarness{
		New: func(t testing.TB) ports.CommandPublisher { return publisher(t, addr, 10*time.Second, &facts{}) },
		NewUnreachable: func(t testing.TB, limit time.Duration) ports.CommandPublisher {
			k := embedded(t)
			k.Hang()
			return publisher(t, k.Addr(), limit, &facts{})
		},
		Records: published(addr),
		Can:     contract.PublisherAbilities{RawRecords: true},
	}
}

// command is one to the given topic, with an id of its own.
func command(topic, key string) domain.Command {
	return domain.Command{
		Topic: domain.Topic(topic), Key: key, Batch: domain.BatchID(key), Pipeline: "nlp",
		Caller: domain.Caller{User: "teacher-1"},
		Envelope: domain.Envelope{
			EventID: uuid.NewString(), EventType: topic, EventTimestamp: time.Now(),
			SourceService: domain.GatewaySource, SchemaVersion: 1, CorrelationID: uuid.NewString(),
			Data: json.RawMessage(`{}`),
		},
	}
}

// unique names a topic, group or user that no other test has.
func unique(prefix string) string { return prefix + "." + uuid.NewString() }
