package kafka_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/huleedu/edge/adapters/kafka"
	"github.com/huleedu/edge/adapters/memory"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
	"github.com/huleedu/edge/test/contract"
	"github.com/huleedu/edge/test/world"
)

// facts is an observer that stores all facts.
type facts struct{ memory.Facts }

// results returns how many notifications had each result.
func (f *facts) results() map[domain.NotificationResult]int {
	out := map[domain.NotificationResult]int{}
	for _, fact := range f.All() {
		if handled, ok := fact.(domain.NotificationHandled); ok {
			out[handled.Result]++
		}
	}
	return out
}

// degraded returns the values of all ConsumerDegraded facts, in order.
func (f *facts) degraded() (values []bool) {
	for _, fact := range f.All() {
		if d, is := fact.(domain.ConsumerDegraded); is {
			values = append(values, d.Degraded)
		}
	}
	return values
}

// awaitDegraded waits until the last ConsumerDegraded fact has the value.
func (f *facts) awaitDegraded(t *testing.T, want bool) {
	t.Helper()
	require.Eventually(t, func() bool {
		values := f.degraded()
		return len(values) > 0 && values[len(values)-1] == want
	}, 40*time.Second, 10*time.Millisecond, "degraded did not become %v", want)
}

// awaitResults waits until the notifications had exactly these results.
func (f *facts) awaitResults(t *testing.T, want map[domain.NotificationResult]int) {
	t.Helper()
	require.Eventually(t, func() bool { return maps.Equal(want, f.results()) }, 10*time.Second, time.Millisecond,
		"want %v", want)
}

func discardLog() *slog.Logger { return slog.New(slog.DiscardHandler) }

// embedded starts a broker in this process with the topics.
func embedded(t testing.TB, topics ...string) *world.Kafka {
	t.Helper()
	k, err := world.StartKafka("", topics...)
	require.NoError(t, err)
	t.Cleanup(k.Close)
	return k
}

// publisher returns a publisher for the broker at addr.
func publisher(t testing.TB, addr string, timeout time.Duration, o ports.Observer) *kafka.Publisher {
	t.Helper()
	p, err := kafka.NewPublisher(kafka.PublisherConfig{Brokers: addr, Timeout: timeout}, o, noop.NewTracerProvider(), discardLog())
	require.NoError(t, err)
	t.Cleanup(func() { _ = p.Close(context.Background()) })
	return p
}

// records reads a topic from its beginning, with another client library than the adapter,
// until it has at least the number of records.
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

// commandRecords reads records for the contract suite.
func commandRecords(addr string) func(t testing.TB, topic domain.Topic, atLeast int) []contract.PublishedRecord {
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

// publisherHarness returns the publisher for the contract suite, with the broker at addr.
func publisherHarness(addr string) contract.PublisherHarness {
	return contract.PublisherHarness{
		New: func(t testing.TB) ports.CommandPublisher { return publisher(t, addr, 10*time.Second, &facts{}) },
		NewUnreachable: func(t testing.TB, limit time.Duration) ports.CommandPublisher {
			k := embedded(t)
			k.Hang()
			return publisher(t, k.Addr(), limit, &facts{})
		},
		Records:    commandRecords(addr),
		RawRecords: true,
	}
}

// command returns a command for the topic, with a unique event id.
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

// uniqueName returns a name of a topic or group that no other test uses.
func uniqueName(prefix string) string { return prefix + "." + uuid.NewString() }
