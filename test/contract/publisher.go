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

// PublisherHarness configures the suite for an adapter of ports.CommandPublisher.
type PublisherHarness struct {
	// New returns a ready publisher. t.Cleanup must stop it.
	New func(t testing.TB) ports.CommandPublisher
	// NewUnreachable returns a publisher whose technology confirms nothing, with the given publish
	// timeout. It is nil if the technology cannot fail.
	NewUnreachable func(t testing.TB, limit time.Duration) ports.CommandPublisher
	// Records waits until a topic has at least that many records and returns them;
	// records with the same key are in order. All publishers of one harness write to the
	// technology that Records reads. The suite uses unique topics.
	Records func(t testing.TB, topic domain.Topic, atLeast int) []PublishedRecord
	// RawRecords is set if records consist of headers and bytes that other services read.
	RawRecords bool
}

// PublishedRecord is a record of a topic.
type PublishedRecord struct {
	// Key selects the partition.
	Key string
	// Envelope is the event.
	Envelope domain.Envelope
	// Headers and Value are the raw record; empty without RawRecords.
	Headers map[string]string
	Value   []byte
}

// CommandPublisher tests an adapter against the comments of ports.CommandPublisher.
func CommandPublisher(t *testing.T, h PublisherHarness) {
	t.Run("writes a confirmed command to its topic", h.keepsCommand)
	t.Run("keeps the order of one caller's commands with one key", h.keepsOrder)
	t.Run("serves concurrent callers", h.servesManyCallers)
	t.Run("does not change a command of concurrent callers", h.leavesCommandAlone)
	t.Run("a retry has the same event id", h.repeats)
	t.Run("writes records in the format of other services", h.writesForOthers)
	t.Run("rejects a command over the size limit", h.rejectsLargeCommands)
	t.Run("writes markup unescaped", h.keepsMarkup)
	t.Run("outage: unconfirmed after the publish timeout", h.endsWithinLimit)
	t.Run("outage: unconfirmed when the context is done", h.endsWithContext)
	t.Run("returns an error for a cancelled context", h.refusesDoneContext)
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
	for range 8 { // the race detector finds a write
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
	if !h.RawRecords {
		t.Skip("this technology has no raw records")
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

func (h PublisherHarness) rejectsLargeCommands(t *testing.T) {
	p, topic := h.New(t), freshTopic()
	c := sampleCommand(topic, "batch-1")
	c.Envelope.Data = json.RawMessage(`"` + strings.Repeat("x", domain.MaxCommandBytes) + `"`)
	err := p.Publish(t.Context(), c)
	failure, ok := errors.AsType[*domain.Error](err)
	require.True(t, ok, "%T is not a *domain.Error: %v", err, err)
	require.Equal(t, domain.ValidationError, failure.Code)
	require.Equal(t, domain.ReasonTooLarge, failure.Reason)
	require.Equal(t, domain.MaxCommandBytes, failure.Details["limit_bytes"])
	require.Zero(t, failure.RetryAfter)
}

// keepsMarkup checks that a command with the characters <, > and & is written unescaped, so
// that it does not exceed the size limit.
func (h PublisherHarness) keepsMarkup(t *testing.T) {
	p, topic := h.New(t), freshTopic()
	c := sampleCommand(topic, "batch-1")
	text := strings.Repeat("<&>", domain.MaxCommandBytes/4)
	c.Envelope.Data = json.RawMessage(`"` + text + `"`)
	require.NoError(t, p.Publish(t.Context(), c))
	require.Equal(t, `"`+text+`"`, string(h.Records(t, topic, 1)[0].Envelope.Data))
}

func (h PublisherHarness) endsWithinLimit(t *testing.T) {
	if h.NewUnreachable == nil {
		t.Skip("this technology cannot fail")
	}
	const limit = 300 * time.Millisecond
	p, topic := h.NewUnreachable(t, limit), freshTopic()
	startedAt := time.Now()
	err := p.Publish(t.Context(), sampleCommand(topic, "batch-1"))
	requireUnconfirmed(t, err, topic)
	require.Less(t, time.Since(startedAt), limit+2*time.Second)
}

func (h PublisherHarness) endsWithContext(t *testing.T) {
	if h.NewUnreachable == nil {
		t.Skip("this technology cannot fail")
	}
	p, topic := h.NewUnreachable(t, time.Minute), freshTopic()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	startedAt := time.Now()
	requireUnconfirmed(t, p.Publish(ctx, sampleCommand(topic, "batch-1")), topic)
	require.Less(t, time.Since(startedAt), 5*time.Second)
}

func (h PublisherHarness) refusesDoneContext(t *testing.T) {
	p, topic := h.New(t), freshTopic()
	ctx := cancelled(t)
	requireUnconfirmed(t, p.Publish(ctx, sampleCommand(topic, "batch-1")), topic)
}

// requireUnconfirmed requires the port's error for an unconfirmed command.
func requireUnconfirmed(t *testing.T, err error, topic domain.Topic) {
	t.Helper()
	e, ok := errors.AsType[*domain.Error](err)
	require.True(t, ok, "%T is not a *domain.Error: %v", err, err)
	require.Equal(t, domain.KafkaPublishError, e.Code)
	require.Equal(t, string(topic), e.Details["topic"])
	require.Positive(t, e.RetryAfter)
}

// freshTopic returns a unique topic.
func freshTopic() domain.Topic { return domain.Topic("contract.publisher." + uuid.NewString()) }

// sampleCommand returns a command with a unique event id.
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

// BenchmarkCommandPublisher measures one confirmed publish: sequentially, and with 64
// callers, where ns/op is the time between two confirmations.
func BenchmarkCommandPublisher(b *testing.B, h PublisherHarness) {
	for _, callers := range []int{1, 64} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) { h.measure(b, callers) })
	}
}

func (h PublisherHarness) measure(b *testing.B, callers int) {
	p, topic := h.New(b), freshTopic()
	if err := p.Publish(b.Context(), sampleCommand(topic, "warm-up")); err != nil {
		b.Fatal(err) // opens connections and creates the topic before the measurement
	}
	took := newLatencies(b.N)
	work := make(chan int)
	var group sync.WaitGroup
	b.ResetTimer()
	for range callers {
		group.Go(func() {
			for i := range work {
				startedAt := time.Now()
				if err := p.Publish(b.Context(), sampleCommand(topic, fmt.Sprintf("batch-%d", i%100))); err != nil {
					b.Error(err)
				}
				took.add(time.Since(startedAt))
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
