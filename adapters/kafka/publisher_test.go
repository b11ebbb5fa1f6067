package kafka_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/huleedu/edge/adapters/kafka"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/contract"
	"github.com/huleedu/edge/test/servers"
	"github.com/huleedu/edge/test/world"
)

func TestPublisherOnEmbeddedKafka(t *testing.T) {
	contract.CommandPublisher(t, publisherHarness(embedded(t).Addr()))
}

func TestPublisherOnRealKafka(t *testing.T) {
	t.Parallel()
	contract.CommandPublisher(t, publisherHarness(servers.Kafka(t)))
}

func BenchmarkPublisherOnEmbeddedKafka(b *testing.B) {
	contract.BenchmarkCommandPublisher(b, publisherHarness(embedded(b).Addr()))
}

func BenchmarkPublisherOnRealKafka(b *testing.B) {
	contract.BenchmarkCommandPublisher(b, publisherHarness(servers.Kafka(b)))
}

func TestPublisherReportsFacts(t *testing.T) {
	k, all := embedded(t, "commands"), &facts{}
	p := publisher(t, k.Addr(), 300*time.Millisecond, all)
	seen := func() []domain.Fact {
		return slices.DeleteFunc(slices.Clone(all.All()), func(f domain.Fact) bool { _, state := f.(domain.DependencyChanged); return state })
	}
	require.NoError(t, p.Publish(t.Context(), command("commands", "b1")))
	require.Equal(t, domain.EventPublished{Topic: "commands", EventType: "commands"}, seen()[1])
	require.IsType(t, domain.PublishEnded{}, seen()[0])

	k.Hang()
	require.Error(t, p.Publish(t.Context(), command("commands", "b1")))
	require.Len(t, seen(), 3, "a failed attempt is not reported as published")
	ended, ok := seen()[2].(domain.PublishEnded)
	require.True(t, ok)
	require.GreaterOrEqual(t, ended.Duration, 300*time.Millisecond)
}

func TestPublisherWritesTheTraceContext(t *testing.T) {
	k, spans := embedded(t, "commands"), tracetest.NewSpanRecorder()
	tp := sdk.NewTracerProvider(sdk.WithSpanProcessor(spans))
	p, err := kafka.NewPublisher(kafka.PublisherConfig{Brokers: k.Addr(), Timeout: 5 * time.Second}, &facts{}, tp, discardLog())
	require.NoError(t, err)
	defer func() { require.NoError(t, p.Close(context.Background())) }()

	ctx, parent := tp.Tracer("test").Start(t.Context(), "request")
	require.NoError(t, p.Publish(ctx, command("commands", "b1")))
	parent.End()

	span := spans.Ended()[0]
	require.Equal(t, "gateway.publish_command", span.Name())
	require.Equal(t, parent.SpanContext().TraceID(), span.SpanContext().TraceID())
	attributes := map[string]string{}
	for _, a := range span.Attributes() {
		attributes[string(a.Key)] = a.Value.AsString()
	}
	require.Equal(t, map[string]string{
		"batch.id": "b1", "pipeline": "nlp", "user.id": "teacher-1", "messaging.system": "kafka",
		"messaging.operation.type": "send", "messaging.destination.name": "commands",
	}, attributes)

	written := commandRecords(k.Addr())(t, "commands", 1)[0].Envelope.Metadata["traceparent"]
	require.Contains(t, written, span.SpanContext().SpanID().String())
}

// TestPublisherPartitionsLikeOtherClients compares the partitions with those of franz-go, which
// uses murmur2 by default, as the Java and Python clients do.
func TestPublisherPartitionsLikeOtherClients(t *testing.T) {
	k := embedded(t, "commands")
	p := publisher(t, k.Addr(), 5*time.Second, &facts{})
	other, err := kgo.NewClient(kgo.SeedBrokers(k.Addr()), kgo.DefaultProduceTopic("commands"))
	require.NoError(t, err)
	defer other.Close()
	keys := []string{"", "b1", "batch-7", "0b6b2f9e-8f6c-4c2e-9a57-0d5f3f0b2f11", "gårdsbatch"}
	for _, key := range keys {
		require.NoError(t, p.Publish(t.Context(), command("commands", key)))
		require.NoError(t, other.ProduceSync(t.Context(), &kgo.Record{Key: []byte(key), Value: []byte("{}")}).FirstErr())
	}
	partitions := map[string]map[int32]int{}
	for _, r := range records(t, k.Addr(), "commands", 2*len(keys)) {
		if partitions[string(r.Key)] == nil {
			partitions[string(r.Key)] = map[int32]int{}
		}
		partitions[string(r.Key)][r.Partition]++
	}
	used := map[int32]bool{}
	for key, seen := range partitions {
		require.Len(t, seen, 1, "key %q is on more than one partition: %v", key, seen)
		for partition := range seen {
			used[partition] = true
		}
	}
	require.Greater(t, len(used), 1, "all keys are on one partition, so the test proves nothing")
}

// TestPublisherPartitionsByTheHashOfTheJavaClient uses values of murmur2 from the tests of
// Kafka's Java client.
func TestPublisherPartitionsByTheHashOfTheJavaClient(t *testing.T) {
	k := embedded(t, "commands")
	p := publisher(t, k.Addr(), 5*time.Second, &facts{})
	hashes := map[string]int32{
		"21": -973932308, "foobar": -790332482, "a-little-bit-long-string": -985981536,
		"a-little-bit-longer-string":                       -1486304829,
		"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
		"abc": 479470107,
	}
	for key := range hashes {
		require.NoError(t, p.Publish(t.Context(), command("commands", key)))
	}
	for _, r := range records(t, k.Addr(), "commands", len(hashes)) {
		require.Equal(t, (hashes[string(r.Key)]&0x7fffffff)%3, r.Partition, "key %q", r.Key)
	}
}

func TestPublisherWaitsThroughAShortOutage(t *testing.T) {
	k := embedded(t, "commands")
	p := publisher(t, k.Addr(), 10*time.Second, &facts{})
	require.NoError(t, p.Publish(t.Context(), command("commands", "b1")))
	k.Disconnect()
	done := make(chan error, 1)
	go func() { done <- p.Publish(t.Context(), command("commands", "b1")) }()
	select {
	case err := <-done:
		t.Fatalf("returned without a broker: %v", err)
	case <-time.After(200 * time.Millisecond):
	}
	k.Resume()
	require.NoError(t, <-done)
}

func TestPublisherStartsBeforeTheBroker(t *testing.T) {
	t.Parallel()
	k := embedded(t, "commands")
	k.Disconnect()
	p := publisher(t, k.Addr(), 300*time.Millisecond, &facts{})
	require.Error(t, p.Publish(t.Context(), command("commands", "b1")))
	k.Resume()
	require.Eventually(t, func() bool {
		return p.Publish(t.Context(), command("commands", "b1")) == nil
	}, 10*time.Second, 10*time.Millisecond)
}

// TestPublisherDropsCommandsOfCallersThatGaveUp checks that a command whose caller got an error
// is not sent after the outage.
func TestPublisherDropsCommandsOfCallersThatGaveUp(t *testing.T) {
	k := embedded(t, "commands")
	p := publisher(t, k.Addr(), 500*time.Millisecond, &facts{})
	require.NoError(t, p.Publish(t.Context(), command("commands", "b1")))
	fault := k.FailWrites("commands")
	var group sync.WaitGroup
	for range 10 {
		group.Go(func() { _ = p.Publish(t.Context(), command("commands", "b1")) })
	}
	group.Wait()
	// When the next command of the queue has ended, the others have too. The last request
	// for this command may still be in progress when the fault is removed.
	require.Error(t, p.Publish(t.Context(), command("commands", "b1")))
	fault.Remove()
	require.NoError(t, p.Publish(t.Context(), command("commands", "b1")))
	require.LessOrEqual(t, len(records(t, k.Addr(), "commands", 2)), 3)
}

func TestPublisherRejectsTooManyPendingCommandsAtOnce(t *testing.T) {
	t.Parallel()
	k := embedded(t, "commands")
	p := publisher(t, k.Addr(), 10*time.Second, &facts{})
	require.NoError(t, p.Publish(t.Context(), command("commands", "b1")))
	k.Hang()
	const callers, limit = 1500, 1024
	results := make(chan error, callers)
	for range callers {
		go func() { results <- p.Publish(t.Context(), command("commands", "b1")) }()
	}
	for range callers - limit { // these do not wait for the broker
		require.Error(t, <-results)
	}
	require.Empty(t, results)
	for range limit {
		require.Error(t, <-results)
	}
}

func TestPublisherNeedsEnoughReplicas(t *testing.T) {
	k := embedded(t, "commands")
	p := publisher(t, k.Addr(), 500*time.Millisecond, &facts{})
	fault := k.FailWrites("commands")
	require.Equal(t, domain.KafkaPublishError, domain.CodeOf(p.Publish(t.Context(), command("commands", "b1"))))
	fault.Remove()
	require.NoError(t, p.Publish(t.Context(), command("commands", "b1")))
}

// publishDuringFault starts to publish a command that the broker rejects until the fault is
// removed.
func publishDuringFault(t *testing.T, k *world.Kafka) (*kafka.Publisher, *world.InjectedFault, <-chan error) {
	t.Helper()
	p := publisher(t, k.Addr(), time.Minute, &facts{})
	fault := k.FailWrites("commands")
	done := make(chan error, 1)
	go func() { done <- p.Publish(t.Context(), command("commands", "b1")) }()
	require.NoError(t, fault.WaitHit(t.Context()))
	return p, fault, done
}

func TestPublisherCloseFlushes(t *testing.T) {
	p, fault, outcome := publishDuringFault(t, embedded(t, "commands"))
	time.AfterFunc(100*time.Millisecond, fault.Remove)
	require.NoError(t, p.Close(t.Context()))
	require.NoError(t, <-outcome)
	require.Equal(t, domain.KafkaPublishError, domain.CodeOf(p.Publish(t.Context(), command("commands", "b1"))), "closed")
	require.NoError(t, p.Close(t.Context()), "idempotent")
}

func TestPublisherCloseIsBounded(t *testing.T) {
	p, _, outcome := publishDuringFault(t, embedded(t, "commands"))
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	require.Equal(t, domain.Timeout, domain.CodeOf(p.Close(ctx)))
	require.Equal(t, domain.KafkaPublishError, domain.CodeOf(<-outcome))
}
