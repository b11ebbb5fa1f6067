package contract

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// PublisherHarness brings an adapter of ports.CommandPublisher to its suite.
type PublisherHarness struct {
	// New returns a publisher that is up; t.Cleanup ends it.
	New func(t testing.TB) ports.CommandPublisher
	// Away returns a publisher whose technology confirms nothing and whose own
	// limit for one publish is given. Nil: this technology cannot be away.
	Away func(t testing.TB, limit time.Duration) ports.CommandPublisher
	// Records returns what lies on a topic, as soon as there are at least so
	// many; records of one key come in the order in which they lie there. All
	// publishers of one harness write where this reads. The suite uses topics
	// that nobody else has.
	Records func(t testing.TB, topic domain.Topic, atLeast int) []PublishedRecord
	// Can says what the technology is able to do.
	Can PublisherAbilities
}

// PublisherAbilities says what a technology is able to do.
type PublisherAbilities struct {
	// Wire: records are bytes with headers, as other services read them.
	Wire bool
}

// PublishedRecord is a record as it lies on its topic.
type PublishedRecord struct {
	// Key decides the partition.
	Key string
	// Envelope is the event.
	Envelope domain.Envelope
	// Headers and Value are the record's bytes; empty without Can.Wire.
	Headers map[string]string
	Value   []byte
}

// CommandPublisher holds an adapter to the words of ports.CommandPublisher.
func CommandPublisher(t *testing.T, h PublisherHarness) {
	t.Run("a confirmed command lies on its topic as it was given", h.keepsCommand)
	t.Run("commands of one key and caller keep their order", h.keepsOrder)
	t.Run("any number of callers", h.servesManyCallers)
	t.Run("one command for many callers is left as it is", h.leavesCommandAlone)
	t.Run("a repeat carries the same event id", h.repeats)
	t.Run("a record is what other services read", h.writesForOthers)
	t.Run("a command over the limit is the caller's error", h.refusesLargeCommands)
	t.Run("markup is written as it is", h.keepsMarkup)
	t.Run("away: unknown within the own limit", h.endsWithinLimit)
	t.Run("away: unknown when the context is done", h.endsWithContext)
	t.Run("a context that was done before", h.refusesDoneContext)
}

func (h PublisherHarness) keepsCommand(t *testing.T) {
	p, topic := h.New(t), freshTopic()
	want := sampleCommand(topic, "batch-1")
	require.NoError(t, p.Publish(t.Context(), want))

	records := h.Records(t, topic, 1)
	require.Len(t, records, 1)
	got := records[0]
	require.Equal(t, "batch-1", got.Key)
	require.Equal(t, want.Envelope.EventID, got.Envelope.EventID)
	require.Equal(t, string(topic), got.Envelope.EventType)
	require.Equal(t, domain.GatewaySource, got.Envelope.SourceService)
	require.Equal(t, domain.SchemaVersion, got.Envelope.SchemaVersion)
	require.Equal(t, want.Envelope.CorrelationID, got.Envelope.CorrelationID)
	require.WithinDuration(t, want.Envelope.EventTimestamp, got.Envelope.EventTimestamp, time.Microsecond)
	require.JSONEq(t, string(want.Envelope.Data), string(got.Envelope.Data))
	require.Equal(t, "org-9", got.Envelope.Metadata["org_id"])
}

func (h PublisherHarness) keepsOrder(t *testing.T) {
	p, topic := h.New(t), freshTopic()
	var want []string
	for range 30 {
		c := sampleCommand(topic, "batch-1")
		want = append(want, c.Envelope.EventID)
		require.NoError(t, p.Publish(t.Context(), c))
	}
	var got []string
	for _, r := range h.Records(t, topic, len(want)) {
		got = append(got, r.Envelope.EventID)
	}
	require.Equal(t, want, got)
}

func (h PublisherHarness) servesManyCallers(t *testing.T) {
	p, topic := h.New(t), freshTopic()
	const callers, each = 16, 10
	want := map[string]string{} // event id -> key
	var group sync.WaitGroup
	failures := make(chan error, callers*each)
	for caller := range callers {
		key := fmt.Sprintf("batch-%d", caller)
		for range each {
			c := sampleCommand(topic, key)
			want[c.Envelope.EventID] = key
			group.Go(func() { failures <- p.Publish(t.Context(), c) })
		}
	}
	group.Wait()
	close(failures)
	for err := range failures {
		require.NoError(t, err)
	}
	got := map[string]string{}
	for _, r := range h.Records(t, topic, callers*each) {
		got[r.Envelope.EventID] = r.Key
	}
	require.Equal(t, want, got)
}

func (h PublisherHarness) leavesCommandAlone(t *testing.T) {
	p, topic := h.New(t), freshTopic()
	c := sampleCommand(topic, "batch-1")
	metadata := maps.Clone(c.Envelope.Metadata)
	var group sync.WaitGroup
	for range 8 { // the race detector watches
		group.Go(func() { _ = p.Publish(t.Context(), c) })
	}
	group.Wait()
	require.Equal(t, metadata, c.Envelope.Metadata)

	c.Envelope.Metadata["org_id"] = "changed later"
	for _, r := range h.Records(t, topic, 1) {
		require.Equal(t, "org-9", r.Envelope.Metadata["org_id"])
	}
}

func (h PublisherHarness) repeats(t *testing.T) {
	p, topic := h.New(t), freshTopic()
	c := sampleCommand(topic, "batch-1")
	require.NoError(t, p.Publish(t.Context(), c))
	require.NoError(t, p.Publish(t.Context(), c))
	for _, r := range h.Records(t, topic, 1) {
		require.Equal(t, c.Envelope.EventID, r.Envelope.EventID)
	}
}

func (h PublisherHarness) writesForOthers(t *testing.T) {
	if !h.Can.Wire {
		t.Skip("this technology has no bytes on a wire")
	}
	p, topic := h.New(t), freshTopic()
	c := sampleCommand(topic, "batch-1")
	c.Envelope.Metadata = nil
	require.NoError(t, p.Publish(t.Context(), c))
	got := h.Records(t, topic, 1)[0]

	var members map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(got.Value, &members))
	keys := []string{
		"event_id", "event_type", "event_timestamp", "source_service", "schema_version",
		"correlation_id", "data_schema_uri", "data", "metadata",
	}
	require.Len(t, members, len(keys))
	for _, key := range keys {
		require.Contains(t, members, key)
	}
	require.Equal(t, "null", string(members["data_schema_uri"]))
	require.True(t, strings.HasSuffix(string(members["event_timestamp"]), `Z"`), string(members["event_timestamp"]))
	require.True(t, strings.HasPrefix(string(members["metadata"]), "{"), string(members["metadata"]))
	require.Equal(t, map[string]string{
		"event_id":       c.Envelope.EventID,
		"event_type":     string(topic),
		"trace_id":       c.Envelope.CorrelationID,
		"source_service": domain.GatewaySource,
	}, got.Headers)
}

func (h PublisherHarness) refusesLargeCommands(t *testing.T) {
	p, topic := h.New(t), freshTopic()
	c := sampleCommand(topic, "batch-1")
	c.Envelope.Data = json.RawMessage(`"` + strings.Repeat("x", domain.MaxCommandBytes) + `"`)
	err := p.Publish(t.Context(), c)
	failure, ok := errors.AsType[*domain.Error](err)
	require.True(t, ok, "%T is no *domain.Error: %v", err, err)
	require.Equal(t, domain.ValidationError, failure.Code)
	require.Equal(t, domain.TooLarge, failure.Kind)
	require.Equal(t, domain.MaxCommandBytes, failure.Details["limit_bytes"])
	require.Zero(t, failure.RetryAfter)
}

// keepsMarkup: what HTML escapes for itself stays as long as it was.
func (h PublisherHarness) keepsMarkup(t *testing.T) {
	p, topic := h.New(t), freshTopic()
	c := sampleCommand(topic, "batch-1")
	text := strings.Repeat("<&>", domain.MaxCommandBytes/4)
	c.Envelope.Data = json.RawMessage(`"` + text + `"`)
	require.NoError(t, p.Publish(t.Context(), c))
	require.Equal(t, `"`+text+`"`, string(h.Records(t, topic, 1)[0].Envelope.Data))
}

func (h PublisherHarness) endsWithinLimit(t *testing.T) {
	if h.Away == nil {
		t.Skip("this technology cannot be away")
	}
	const limit = 300 * time.Millisecond
	p, topic := h.Away(t, limit), freshTopic()
	began := time.Now()
	err := p.Publish(t.Context(), sampleCommand(topic, "batch-1"))
	requireUnconfirmed(t, err, topic)
	require.Less(t, time.Since(began), limit+2*time.Second)
}

func (h PublisherHarness) endsWithContext(t *testing.T) {
	if h.Away == nil {
		t.Skip("this technology cannot be away")
	}
	p, topic := h.Away(t, time.Minute), freshTopic()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	began := time.Now()
	requireUnconfirmed(t, p.Publish(ctx, sampleCommand(topic, "batch-1")), topic)
	require.Less(t, time.Since(began), 5*time.Second)
}

func (h PublisherHarness) refusesDoneContext(t *testing.T) {
	p, topic := h.New(t), freshTopic()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	requireUnconfirmed(t, p.Publish(ctx, sampleCommand(topic, "batch-1")), topic)
}

// requireUnconfirmed demands the one error of the port, fit to be answered.
func requireUnconfirmed(t *testing.T, err error, topic domain.Topic) {
	t.Helper()
	e, ok := errors.AsType[*domain.Error](err)
	require.True(t, ok, "%T is no *domain.Error: %v", err, err)
	require.Equal(t, domain.KafkaPublishError, e.Code)
	require.Equal(t, string(topic), e.Details["topic"])
	require.Positive(t, e.RetryAfter)
}

// freshTopic names a topic that no other test has.
func freshTopic() domain.Topic { return domain.Topic("contract.publisher." + uuid.NewString()) }

// sampleCommand is a command with an event id of its own.
func sampleCommand(topic domain.Topic, key string) domain.Command {
	return domain.Command{
		Topic: topic, Key: key, Caller: domain.Caller{User: "teacher-1", Org: "org-9"},
		Batch: domain.BatchID(key), Pipeline: "nlp",
		Envelope: domain.Envelope{
			EventID: uuid.NewString(), EventType: string(topic), EventTimestamp: time.Now().UTC(),
			SourceService: domain.GatewaySource, SchemaVersion: domain.SchemaVersion,
			CorrelationID: uuid.NewString(), Data: json.RawMessage(`{"batch_id":"` + key + `"}`),
			Metadata: map[string]string{"org_id": "org-9"},
		},
	}
}

// BenchmarkCommandPublisher measures one publish, confirmation included: alone,
// and with 64 callers at once, where ns/op is the time between two of them.
func BenchmarkCommandPublisher(b *testing.B, h PublisherHarness) {
	for _, callers := range []int{1, 64} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) { h.measure(b, callers) })
	}
}

func (h PublisherHarness) measure(b *testing.B, callers int) {
	p, topic := h.New(b), freshTopic()
	if err := p.Publish(b.Context(), sampleCommand(topic, "warm-up")); err != nil {
		b.Fatal(err) // connections and the topic itself are made here, untimed
	}
	took := newLatencies(b.N)
	work := make(chan int)
	var group sync.WaitGroup
	b.ResetTimer()
	for range callers {
		group.Go(func() {
			for i := range work {
				began := time.Now()
				if err := p.Publish(b.Context(), sampleCommand(topic, fmt.Sprintf("batch-%d", i%100))); err != nil {
					b.Error(err)
				}
				took.add(time.Since(began))
			}
		})
	}
	for i := range b.N {
		work <- i
	}
	close(work)
	group.Wait()
	b.StopTimer()
	took.report(b)
}
