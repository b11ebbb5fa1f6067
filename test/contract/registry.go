package contract

import (
	"fmt"
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// RegistryHarness configures the suite for an adapter of ports.BatchRegistry.
type RegistryHarness struct {
	// New returns a registry of a new orchestrator without batches. t.Cleanup must stop
	// both.
	New func(t testing.TB) RegistryRig
	// AnyID is set if every id is valid. Otherwise an id is part of a path.
	AnyID bool
}

// RegistryRig is a registry and its orchestrator.
type RegistryRig struct {
	Registry ports.BatchRegistry
	// Owner returns the owner of a batch in the orchestrator, or an empty id if the batch
	// does not exist.
	Owner func(batch domain.BatchID) domain.UserID
	// Prompt returns the prompt reference of a batch as JSON.
	Prompt func(batch domain.BatchID) string
	// SetReply sets the orchestrator's response to all further requests.
	SetReply func(r ports.Passthrough)
	// Fail makes the orchestrator fail until it is called with NoFailure.
	Fail func(kind Failure)
}

// BatchRegistry tests an adapter against the comments of ports.BatchRegistry.
func BatchRegistry(t *testing.T, h RegistryHarness) {
	t.Helper()
	t.Run("registers a batch of the caller", h.registers)
	t.Run("sets the prompt of a batch", h.setsPrompt)
	t.Run("returns refusals of the orchestrator", h.passesRefusals)
	for _, status := range []int{200, 202, 400, 403, 404, 409, 422, 429, 500, 503} {
		t.Run(fmt.Sprintf("returns the response %d", status), func(t *testing.T) { h.passesOn(t, status) })
	}
	t.Run("rejects a response that is not JSON", h.demandsJSON)
	t.Run("rejects an id that changes the path", h.refusesPaths)
	t.Run("serves concurrent callers", h.servesManyCallers)
	t.Run("returns an error for a cancelled context", h.endsWithContext)
	for kind, code := range failureCodes() {
		if kind != ServerError { // an error response in JSON is returned as it is
			t.Run("orchestrator "+string(kind), func(t *testing.T) { h.mapsFailure(t, kind, code) })
		}
	}
}

func registration(essays ...string) domain.Registration {
	return domain.Registration{EssayCount: len(essays), EssayIDs: essays, CourseCode: "ENG5"}
}

func prompt(id string) domain.PromptRef {
	return domain.PromptRef{References: map[string]map[string]string{"student_prompt_text": {"storage_id": id}}}
}

// mustRegister registers a batch of the caller and returns its id.
func (w RegistryRig) mustRegister(tb testing.TB, caller domain.Caller) domain.BatchID {
	tb.Helper()
	reply, err := w.Registry.Register(tb.Context(), caller, registration("e1"))
	require.NoError(tb, err)
	require.Equal(tb, http.StatusAccepted, reply.Status, string(reply.Body))
	document := decodeObject(tb, reply.Body)
	require.Equal(tb, "registered", document["status"])
	id, _ := document["batch_id"].(string)
	require.NotEmpty(tb, id)
	return domain.BatchID(id)
}

func (h RegistryHarness) registers(t *testing.T) {
	w := h.New(t)
	first, second := w.mustRegister(t, sampleCaller()), w.mustRegister(t, domain.Caller{User: "lärare-åsa", Org: "skolan"})
	require.NotEqual(t, first, second)
	require.Equal(t, sampleCaller().User, w.Owner(first))
	require.Equal(t, domain.UserID("lärare-åsa"), w.Owner(second))

	r, ref := registration("e1", "e2"), prompt("p1")
	r.PromptRef, r.ClassID, r.Model, r.Temperature = &ref, new("class-1"), new("model"), new(0.5)
	reply, err := w.Registry.Register(t.Context(), sampleCaller(), r)
	require.NoError(t, err)
	id, _ := decodeObject(t, reply.Body)["batch_id"].(string)
	require.JSONEq(t, `{"references":{"student_prompt_text":{"storage_id":"p1"}}}`, w.Prompt(domain.BatchID(id)))
}

func (h RegistryHarness) setsPrompt(t *testing.T) {
	w := h.New(t)
	id := w.mustRegister(t, sampleCaller())
	for _, name := range []string{"p1", "p2"} {
		reply, err := w.Registry.SetPrompt(t.Context(), sampleCaller(), id, prompt(name))
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, reply.Status, string(reply.Body))
		require.Equal(t, "success", decodeObject(t, reply.Body)["status"])
		require.JSONEq(t, `{"references":{"student_prompt_text":{"storage_id":"`+name+`"}}}`, w.Prompt(id))
	}
}

func (h RegistryHarness) passesRefusals(t *testing.T) {
	w := h.New(t)
	id := w.mustRegister(t, sampleCaller())
	reply, err := w.Registry.SetPrompt(t.Context(), domain.Caller{User: "teacher-bo"}, id, prompt("p1"))
	require.NoError(t, err)
	require.Equal(t, http.StatusForbidden, reply.Status)
	require.Equal(t, map[string]any{"error": "Batch not owned by user"}, decodeObject(t, reply.Body))
	reply, err = w.Registry.SetPrompt(t.Context(), sampleCaller(), "unknown", prompt("p1"))
	require.NoError(t, err)
	require.Equal(t, http.StatusNotFound, reply.Status)
}

func (h RegistryHarness) passesOn(t *testing.T, status int) {
	t.Helper()
	w := h.New(t)
	want := *refusal(status).Refusal
	w.SetReply(want)
	reply, err := w.Registry.Register(t.Context(), sampleCaller(), registration("e1"))
	require.NoError(t, err)
	require.Equal(t, want, reply)
	reply, err = w.Registry.SetPrompt(t.Context(), sampleCaller(), "b1", prompt("p1"))
	require.NoError(t, err)
	require.Equal(t, want, reply)
}

func (h RegistryHarness) demandsJSON(t *testing.T) {
	w := h.New(t)
	for _, body := range []string{"", "<html>10.0.0.7</html>", `{"batch_id":`, "{}{}"} {
		w.SetReply(ports.Passthrough{Status: http.StatusOK, ContentType: "application/json", Body: []byte(body)})
		_, err := w.Registry.Register(t.Context(), sampleCaller(), registration("e1"))
		_ = requireCode(t, err, domain.InvalidResponse)
		_, err = w.Registry.SetPrompt(t.Context(), sampleCaller(), "b1", prompt("p1"))
		e := requireCode(t, err, domain.InvalidResponse)
		require.NotContains(t, e.Message, "10.0.0.7")
	}
}

func (h RegistryHarness) refusesPaths(t *testing.T) {
	if h.AnyID {
		t.Skip("every id is valid in this technology")
	}
	w := h.New(t)
	for _, id := range []string{"", ".", "..", "../b1", "a/b"} {
		_, err := w.Registry.SetPrompt(t.Context(), sampleCaller(), domain.BatchID(id), prompt("p1"))
		_ = requireCode(t, err, domain.ValidationError)
	}
}

func (h RegistryHarness) servesManyCallers(t *testing.T) {
	w := h.New(t)
	var group sync.WaitGroup
	var mu sync.Mutex
	owners := map[string]bool{}
	for i := range 40 {
		group.Go(func() {
			caller := domain.Caller{User: domain.UserID(fmt.Sprintf("teacher-%d", i))}
			reply, err := w.Registry.Register(t.Context(), caller, registration("e1"))
			if err != nil || reply.Status != http.StatusAccepted {
				t.Errorf("%s: %d, %v", caller.User, reply.Status, err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			owners[string(reply.Body)] = true
		})
	}
	group.Wait()
	require.Len(t, owners, 40, "each caller must get its own batch")
}

func (h RegistryHarness) endsWithContext(t *testing.T) {
	w := h.New(t)
	id := w.mustRegister(t, sampleCaller())
	ctx := cancelled(t)
	_, err := w.Registry.Register(ctx, sampleCaller(), registration("e1"))
	requireCanceled(t, err)
	_, err = w.Registry.SetPrompt(ctx, sampleCaller(), id, prompt("p1"))
	requireCanceled(t, err)
}

func (h RegistryHarness) mapsFailure(t *testing.T, kind Failure, code domain.Code) {
	t.Helper()
	w := h.New(t)
	id := w.mustRegister(t, sampleCaller())
	w.Fail(kind)
	_, err := w.Registry.Register(t.Context(), sampleCaller(), registration("e1"))
	_ = requireCode(t, err, code)
	_, err = w.Registry.SetPrompt(t.Context(), sampleCaller(), id, prompt("p1"))
	_ = requireCode(t, err, code)

	w.Fail(NoFailure)
	reply, err := w.Registry.SetPrompt(t.Context(), sampleCaller(), id, prompt("p1"))
	require.NoError(t, err, "the registry must recover")
	require.Equal(t, http.StatusOK, reply.Status)
}
