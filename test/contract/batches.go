package contract

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// Trouble is a way in which the platform fails to answer.
type Trouble string

// The troubles that every adapter tells apart. Slow means slower than the
// adapter's own deadline, which a harness keeps short.
const (
	NoTrouble Trouble = "none"
	Away      Trouble = "away"
	Slow      Trouble = "slow"
	Failing   Trouble = "failing"
	Garbled   Trouble = "garbled"
)

// troubles says which error each trouble is.
func troubles() map[Trouble]domain.Code {
	return map[Trouble]domain.Code{
		Away: domain.ConnectionError, Slow: domain.Timeout,
		Failing: domain.ExternalServiceError, Garbled: domain.InvalidResponse,
	}
}

// BatchesHarness brings an adapter of ports.BatchStatusClient to its suite.
type BatchesHarness struct {
	// New returns a client of a fresh platform that knows no batch; t.Cleanup
	// ends both.
	New func(t testing.TB) BatchesWorld
	// Can says what the technology is able to do.
	Can BatchesAbilities
}

// BatchesAbilities says what a technology is able to do.
type BatchesAbilities struct {
	// AnyID: every id can be asked about; otherwise ids stand in a path.
	AnyID bool
}

// BatchesWorld is a client and the platform that it asks.
type BatchesWorld struct {
	Client ports.BatchStatusClient
	// Put makes a batch known, or changes it. overall is the platform's word.
	Put func(batch domain.BatchID, owner domain.UserID, overall string)
	// Trouble makes the platform fail until NoTrouble.
	Trouble func(kind Trouble)
}

// BatchStatusClient holds an adapter to the words of ports.BatchStatusClient.
func BatchStatusClient(t *testing.T, h BatchesHarness) {
	t.Helper()
	t.Run("reports owner, status and document", h.reports)
	t.Run("does not judge who owns what", h.reportsToAnybody)
	t.Run("follows the batch as it changes", h.follows)
	t.Run("an unknown batch", h.missesUnknown)
	t.Run("an id that would change its path", h.refusesPaths)
	t.Run("lists the caller's own batches, page by page, in one order", h.pages)
	t.Run("lists by status, in the words that browsers know", h.filters)
	t.Run("an empty list is a list", h.listsNothing)
	t.Run("any number of callers", h.servesManyCallers)
	t.Run("a context that is done", h.endsWithContext)
	for kind, code := range troubles() {
		t.Run("platform "+string(kind), func(t *testing.T) { h.names(t, kind, code) })
	}
}

// anna asks in these suites.
func anna() domain.Caller { return domain.Caller{User: "teacher-anna", Org: "school-north"} }

func (h BatchesHarness) reports(t *testing.T) {
	w := h.New(t)
	w.Put("b1", anna().User, "processing_pipelines")
	report, err := w.Client.Status(t.Context(), anna(), "b1")
	require.NoError(t, err)
	require.Equal(t, anna().User, report.Owner)
	require.Equal(t, "processing_pipelines", report.Overall)
	document := members(t, report.Document)
	require.Equal(t, "b1", document["batch_id"])
	require.Equal(t, "processing_pipelines", document["overall_status"])
	require.NotContains(t, document, "user_id")
}

func (h BatchesHarness) reportsToAnybody(t *testing.T) {
	w := h.New(t)
	w.Put("b1", "teacher-bo", "ready_for_pipeline_execution")
	report, err := w.Client.Status(t.Context(), anna(), "b1")
	require.NoError(t, err)
	require.Equal(t, domain.UserID("teacher-bo"), report.Owner)
}

func (h BatchesHarness) follows(t *testing.T) {
	w := h.New(t)
	for _, overall := range []string{"awaiting_content_validation", "processing_pipelines", "completed_successfully"} {
		w.Put("b1", anna().User, overall)
		report, err := w.Client.Status(t.Context(), anna(), "b1")
		require.NoError(t, err)
		require.Equal(t, overall, report.Overall)
	}
}

func (h BatchesHarness) missesUnknown(t *testing.T) {
	_, err := h.New(t).Client.Status(t.Context(), anna(), "b3")
	e := requireCode(t, err, domain.ResourceNotFound)
	require.Equal(t, "batch with ID 'b3' not found", e.Message)
	require.Equal(t, map[string]any{"resource_type": "batch", "resource_id": "b3"}, e.Details)
}

func (h BatchesHarness) refusesPaths(t *testing.T) {
	if h.Can.AnyID {
		t.Skip("in this technology an id is only an id")
	}
	w := h.New(t)
	for _, id := range []string{"", ".", "..", "../b1", "a/b"} {
		_, err := w.Client.Status(t.Context(), anna(), domain.BatchID(id))
		_ = requireCode(t, err, domain.ValidationError)
		_, err = w.Client.List(t.Context(), domain.Caller{User: domain.UserID(id)}, domain.BatchQuery{Limit: 1})
		_ = requireCode(t, err, domain.ValidationError)
	}
}

func (h BatchesHarness) pages(t *testing.T) {
	w := h.New(t)
	for i := range 5 {
		w.Put(domain.BatchID(fmt.Sprintf("b%d", i)), anna().User, "ready_for_pipeline_execution")
	}
	w.Put("other", "teacher-bo", "ready_for_pipeline_execution")
	whole := listed(t, w, domain.BatchQuery{Limit: 100}, 5)
	require.ElementsMatch(t, []string{"b0", "b1", "b2", "b3", "b4"}, whole)
	require.Equal(t, whole[:2], listed(t, w, domain.BatchQuery{Limit: 2}, 5))
	require.Equal(t, whole[2:4], listed(t, w, domain.BatchQuery{Limit: 2, Offset: 2}, 5))
	require.Equal(t, whole[4:], listed(t, w, domain.BatchQuery{Limit: 2, Offset: 4}, 5))
	require.Empty(t, listed(t, w, domain.BatchQuery{Limit: 2, Offset: 9}, 5))
}

func (h BatchesHarness) filters(t *testing.T) {
	w := h.New(t)
	for _, status := range domain.ClientStatuses() {
		w.Put(domain.BatchID(status), anna().User, status.PlatformStatus())
	}
	for _, status := range domain.ClientStatuses() {
		query := domain.BatchQuery{Limit: 10, Status: status}
		require.Equal(t, []string{string(status)}, listed(t, w, query, 1))
		page, err := w.Client.List(t.Context(), anna(), query)
		require.NoError(t, err)
		document := members(t, page.Batches[0])
		require.Equal(t, string(status), document["overall_status"])
		require.NotContains(t, document, "user_id")
	}
}

func (h BatchesHarness) listsNothing(t *testing.T) {
	page, err := h.New(t).Client.List(t.Context(), anna(), domain.BatchQuery{Limit: 10})
	require.NoError(t, err)
	require.NotNil(t, page.Batches, "it is written as [], not as null")
	require.Empty(t, page.Batches)
	require.Zero(t, page.Total)
}

func (h BatchesHarness) servesManyCallers(t *testing.T) {
	w := h.New(t)
	var group sync.WaitGroup
	for i := range 16 {
		id := domain.BatchID(fmt.Sprintf("b%d", i))
		owner := domain.UserID(fmt.Sprintf("teacher-%d", i))
		w.Put(id, owner, "processing_pipelines")
		for range 5 {
			group.Go(func() {
				report, err := w.Client.Status(t.Context(), domain.Caller{User: owner}, id)
				if err != nil || report.Owner != owner {
					t.Errorf("batch %s of %s: got %q, %v", id, owner, report.Owner, err)
				}
			})
		}
	}
	group.Wait()
}

func (h BatchesHarness) endsWithContext(t *testing.T) {
	w := h.New(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, status := w.Client.Status(ctx, anna(), "b1")
	_, list := w.Client.List(ctx, anna(), domain.BatchQuery{Limit: 10})
	requireCanceled(t, status)
	requireCanceled(t, list)
}

func (h BatchesHarness) names(t *testing.T, kind Trouble, code domain.Code) {
	t.Helper()
	w := h.New(t)
	w.Put("b1", anna().User, "processing_pipelines")
	w.Trouble(kind)
	_, err := w.Client.Status(t.Context(), anna(), "b1")
	_ = requireCode(t, err, code)
	_, err = w.Client.List(t.Context(), anna(), domain.BatchQuery{Limit: 10})
	_ = requireCode(t, err, code)

	w.Trouble(NoTrouble)
	_, err = w.Client.Status(t.Context(), anna(), "b1")
	require.NoError(t, err, "it recovers by itself")
}

// requireCode demands an error of the port that has the code, and returns it.
func requireCode(tb testing.TB, err error, code domain.Code) *domain.Error {
	tb.Helper()
	e, ok := errors.AsType[*domain.Error](err)
	require.True(tb, ok, "%T is no *domain.Error: %v", err, err)
	require.Equal(tb, code, e.Code, err)
	return e
}

// requireCanceled demands an error of the port by which a caller who left can
// be told from a platform that failed.
func requireCanceled(tb testing.TB, err error) {
	tb.Helper()
	_, ok := errors.AsType[*domain.Error](err)
	require.True(tb, ok, "%T is no *domain.Error: %v", err, err)
	require.ErrorIs(tb, err, context.Canceled)
}

// listed returns the ids on a page of anna's batches.
func listed(tb testing.TB, w BatchesWorld, q domain.BatchQuery, total int) []string {
	tb.Helper()
	page, err := w.Client.List(tb.Context(), anna(), q)
	require.NoError(tb, err)
	require.Equal(tb, total, page.Total)
	ids := make([]string, 0, len(page.Batches))
	for _, document := range page.Batches {
		id, _ := members(tb, document)["batch_id"].(string)
		ids = append(ids, id)
	}
	return ids
}

// members reads a JSON object.
func members(tb testing.TB, document []byte) map[string]any {
	tb.Helper()
	var m map[string]any
	require.NoError(tb, json.Unmarshal(document, &m), string(document))
	return m
}

// BenchmarkBatchStatusClient measures one status, one caller after the other
// and as many at once as there are processors.
func BenchmarkBatchStatusClient(b *testing.B, h BatchesHarness) {
	w := h.New(b)
	w.Put("b1", anna().User, "processing_pipelines")
	ask := func() error {
		_, err := w.Client.Status(b.Context(), anna(), "b1")
		return err
	}
	measureCalls(b, ask)
}

// measureCalls times a call alone, with its quantiles, and in parallel.
func measureCalls(b *testing.B, ask func() error) {
	b.Helper()
	b.Run("alone", func(b *testing.B) {
		took := newLatencies(b.N)
		for b.Loop() {
			began := time.Now()
			if err := ask(); err != nil {
				b.Fatal(err)
			}
			took.add(time.Since(began))
		}
		took.report(b)
	})
	b.Run("parallel", func(b *testing.B) {
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if err := ask(); err != nil {
					b.Error(err)
				}
			}
		})
	})
}
