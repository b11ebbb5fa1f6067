package contract

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// Failure selects how the platform fails.
type Failure string

// The failures that every adapter must distinguish. Slow means slower than the
// adapter's own timeout, which a harness keeps short.
const (
	NoFailure   Failure = "none"
	Unreachable Failure = "away"
	Slow        Failure = "slow"
	ServerError Failure = "failing"
	Malformed   Failure = "garbled"
)

// failureCodes returns the error code for each failure.
func failureCodes() map[Failure]domain.Code {
	return map[Failure]domain.Code{
		Unreachable: domain.ConnectionError, Slow: domain.Timeout,
		ServerError: domain.ExternalServiceError, Malformed: domain.InvalidResponse,
	}
}

// BatchesHarness configures the suite for an adapter of ports.BatchStatusClient.
type BatchesHarness struct {
	// New returns a client of a new platform without batches. t.Cleanup must stop
	// both.
	New func(t testing.TB) BatchesRig
	// AnyID is set if every id is valid. Otherwise an id is part of a path.
	AnyID bool
}

// BatchesRig is a client and its platform.
type BatchesRig struct {
	Client ports.BatchStatusClient
	// AddBatch adds or replaces a batch. overall is the platform's status.
	AddBatch func(batch domain.BatchID, owner domain.UserID, overall string)
	// Fail makes the platform fail until it is called with NoFailure.
	Fail func(kind Failure)
}

// BatchStatusClient tests an adapter against the comments of ports.BatchStatusClient.
func BatchStatusClient(t *testing.T, h BatchesHarness) {
	t.Helper()
	t.Run("reports owner, status and document", h.reports)
	t.Run("does not check the owner", h.ignoresOwner)
	t.Run("reports changes of the batch", h.follows)
	t.Run("unknown batch", h.reportsUnknown)
	t.Run("rejects an id that changes the path", h.refusesPaths)
	t.Run("lists pages of the caller's batches in a stable order", h.pages)
	t.Run("filters by status", h.filters)
	t.Run("returns an empty list", h.listsNothing)
	t.Run("serves concurrent callers", h.servesManyCallers)
	t.Run("returns an error for a cancelled context", h.endsWithContext)
	for kind, code := range failureCodes() {
		t.Run("platform "+string(kind), func(t *testing.T) { h.mapsFailure(t, kind, code) })
	}
}

// sampleCaller returns the caller of the suites.
func sampleCaller() domain.Caller { return domain.Caller{User: "teacher-anna", Org: "school-north"} }

func (h BatchesHarness) reports(t *testing.T) {
	w := h.New(t)
	w.AddBatch("b1", sampleCaller().User, "processing_pipelines")
	report, err := w.Client.Status(t.Context(), sampleCaller(), "b1")
	require.NoError(t, err)
	require.Equal(t, sampleCaller().User, report.Owner)
	require.Equal(t, "processing_pipelines", report.Overall)
	document := decodeObject(t, report.Document)
	require.Equal(t, "b1", document["batch_id"])
	require.Equal(t, "processing_pipelines", document["overall_status"])
	require.NotContains(t, document, "user_id")
}

func (h BatchesHarness) ignoresOwner(t *testing.T) {
	w := h.New(t)
	w.AddBatch("b1", "teacher-bo", "ready_for_pipeline_execution")
	report, err := w.Client.Status(t.Context(), sampleCaller(), "b1")
	require.NoError(t, err)
	require.Equal(t, domain.UserID("teacher-bo"), report.Owner)
}

func (h BatchesHarness) follows(t *testing.T) {
	w := h.New(t)
	for _, overall := range []string{"awaiting_content_validation", "processing_pipelines", "completed_successfully"} {
		w.AddBatch("b1", sampleCaller().User, overall)
		report, err := w.Client.Status(t.Context(), sampleCaller(), "b1")
		require.NoError(t, err)
		require.Equal(t, overall, report.Overall)
	}
}

func (h BatchesHarness) reportsUnknown(t *testing.T) {
	_, err := h.New(t).Client.Status(t.Context(), sampleCaller(), "b3")
	e := requireCode(t, err, domain.ResourceNotFound)
	require.Equal(t, "batch with ID 'b3' not found", e.Message)
	require.Equal(t, map[string]any{"resource_type": "batch", "resource_id": "b3"}, e.Details)
}

func (h BatchesHarness) refusesPaths(t *testing.T) {
	if h.AnyID {
		t.Skip("every id is valid in this technology")
	}
	w := h.New(t)
	for _, id := range []string{"", ".", "..", "../b1", "a/b"} {
		_, err := w.Client.Status(t.Context(), sampleCaller(), domain.BatchID(id))
		_ = requireCode(t, err, domain.ValidationError)
		_, err = w.Client.List(t.Context(), domain.Caller{User: domain.UserID(id)}, domain.PlatformQuery{Limit: 1})
		_ = requireCode(t, err, domain.ValidationError)
	}
}

func (h BatchesHarness) pages(t *testing.T) {
	w := h.New(t)
	for i := range 5 {
		w.AddBatch(domain.BatchID(fmt.Sprintf("b%d", i)), sampleCaller().User, "ready_for_pipeline_execution")
	}
	w.AddBatch("other", "teacher-bo", "ready_for_pipeline_execution")
	whole := listIDs(t, w, domain.PlatformQuery{Limit: 100}, 5)
	require.ElementsMatch(t, []string{"b0", "b1", "b2", "b3", "b4"}, whole)
	require.Equal(t, whole[:2], listIDs(t, w, domain.PlatformQuery{Limit: 2}, 5))
	require.Equal(t, whole[2:4], listIDs(t, w, domain.PlatformQuery{Limit: 2, Offset: 2}, 5))
	require.Equal(t, whole[4:], listIDs(t, w, domain.PlatformQuery{Limit: 2, Offset: 4}, 5))
	require.Empty(t, listIDs(t, w, domain.PlatformQuery{Limit: 2, Offset: 9}, 5))
}

func (h BatchesHarness) filters(t *testing.T) {
	w := h.New(t)
	for _, status := range domain.ClientStatuses() {
		w.AddBatch(domain.BatchID(status), sampleCaller().User, status.PlatformStatus())
	}
	for _, status := range domain.ClientStatuses() {
		query := domain.PlatformQuery{Limit: 10, Overall: status.PlatformStatus()}
		require.Equal(t, []string{string(status)}, listIDs(t, w, query, 1))
		page, err := w.Client.List(t.Context(), sampleCaller(), query)
		require.NoError(t, err)
		require.Equal(t, status.PlatformStatus(), page.Batches[0].Overall)
		document := decodeObject(t, page.Batches[0].Document("set"))
		require.Equal(t, "set", document["overall_status"])
		require.NotContains(t, document, "user_id")
	}
}

func (h BatchesHarness) listsNothing(t *testing.T) {
	page, err := h.New(t).Client.List(t.Context(), sampleCaller(), domain.PlatformQuery{Limit: 10})
	require.NoError(t, err)
	require.NotNil(t, page.Batches, "an empty list is not nil")
	require.Empty(t, page.Batches)
	require.Zero(t, page.Total)
}

func (h BatchesHarness) servesManyCallers(t *testing.T) {
	w := h.New(t)
	var group sync.WaitGroup
	for i := range 16 {
		id := domain.BatchID(fmt.Sprintf("b%d", i))
		owner := domain.UserID(fmt.Sprintf("teacher-%d", i))
		w.AddBatch(id, owner, "processing_pipelines")
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
	ctx := cancelled(t)
	_, status := w.Client.Status(ctx, sampleCaller(), "b1")
	_, list := w.Client.List(ctx, sampleCaller(), domain.PlatformQuery{Limit: 10})
	requireCanceled(t, status)
	requireCanceled(t, list)
}

func (h BatchesHarness) mapsFailure(t *testing.T, kind Failure, code domain.Code) {
	t.Helper()
	w := h.New(t)
	w.AddBatch("b1", sampleCaller().User, "processing_pipelines")
	w.Fail(kind)
	_, err := w.Client.Status(t.Context(), sampleCaller(), "b1")
	_ = requireCode(t, err, code)
	_, err = w.Client.List(t.Context(), sampleCaller(), domain.PlatformQuery{Limit: 10})
	_ = requireCode(t, err, code)

	w.Fail(NoFailure)
	_, err = w.Client.Status(t.Context(), sampleCaller(), "b1")
	require.NoError(t, err, "the client must recover")
}

// requireCode requires a *domain.Error with the code and returns it.
func requireCode(tb testing.TB, err error, code domain.Code) *domain.Error {
	tb.Helper()
	e, ok := errors.AsType[*domain.Error](err)
	require.True(tb, ok, "%T is not a *domain.Error: %v", err, err)
	require.Equal(tb, code, e.Code, err)
	return e
}

// requireCanceled requires a *domain.Error that wraps context.Canceled, so that a
// cancelled call can be distinguished from a failed platform.
func requireCanceled(tb testing.TB, err error) {
	tb.Helper()
	_, ok := errors.AsType[*domain.Error](err)
	require.True(tb, ok, "%T is not a *domain.Error: %v", err, err)
	require.ErrorIs(tb, err, context.Canceled)
}

// listIDs returns the ids of one page of anna's batches.
func listIDs(tb testing.TB, w BatchesRig, q domain.PlatformQuery, total int) []string {
	tb.Helper()
	page, err := w.Client.List(tb.Context(), sampleCaller(), q)
	require.NoError(tb, err)
	require.Equal(tb, total, page.Total)
	ids := make([]string, 0, len(page.Batches))
	for _, batch := range page.Batches {
		id, _ := decodeObject(tb, batch.Document("set"))["batch_id"].(string)
		ids = append(ids, id)
	}
	return ids
}

// decodeObject decodes a JSON object.
func decodeObject(tb testing.TB, document []byte) map[string]any {
	tb.Helper()
	var m map[string]any
	require.NoError(tb, json.Unmarshal(document, &m), string(document))
	return m
}
