package contract

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// RegistryHarness brings an adapter of ports.BatchRegistry to its suite.
type RegistryHarness struct {
	// New returns a registry over a fresh orchestrator that knows no batch;
	// t.Cleanup ends both.
	New func(t testing.TB) RegistryWorld
	// Can says what the technology is able to do.
	Can BatchesAbilities
}

// RegistryWorld is a registry and the orchestrator that it tells.
type RegistryWorld struct {
	Registry ports.BatchRegistry
	// Owner looks up whose batch the orchestrator believes it to be; empty: it
	// knows no such batch.
	Owner func(batch domain.BatchID) domain.UserID
	// Prompt looks up which prompt a batch answers, as JSON.
	Prompt func(batch domain.BatchID) string
	// Answer fixes what the orchestrator says to everything from now on.
	Answer func(r domain.Reply)
	// Trouble makes the orchestrator fail until NoTrouble.
	Trouble func(kind Trouble)
}

// BatchRegistry holds an adapter to the words of ports.BatchRegistry.
func BatchRegistry(t *testing.T, h RegistryHarness) {
	t.Helper()
	t.Run("registers in the caller's name", h.registers)
	t.Run("sets the prompt of a batch", h.setsPrompt)
	t.Run("leaves judging to the orchestrator", h.passesRefusals)
	for _, status := range []int{200, 202, 400, 403, 404, 409, 422, 429, 500, 503} {
		t.Run(fmt.Sprintf("passes on %d", status), func(t *testing.T) { h.passesOn(t, status) })
	}
	t.Run("what is no JSON is no answer", h.demandsJSON)
	t.Run("an id that would change its path", h.refusesPaths)
	t.Run("any number of callers", h.servesManyCallers)
	t.Run("a context that is done", h.endsWithContext)
	for kind, code := range troubles() {
		if kind != Failing { // an orchestrator that fails in JSON is passed on
			t.Run("orchestrator "+string(kind), func(t *testing.T) { h.names(t, kind, code) })
		}
	}
}

func registration(essays ...string) domain.Registration {
	return domain.Registration{EssayCount: len(essays), EssayIDs: essays, CourseCode: "ENG5"}
}

func prompt(id string) domain.PromptRef {
	return domain.PromptRef{References: map[string]map[string]string{"student_prompt_text": {"storage_id": id}}}
}

// registered makes a batch of the caller's and returns its id.
func (w RegistryWorld) registered(tb testing.TB, caller domain.Caller) domain.BatchID {
	tb.Helper()
	reply, err := w.Registry.Register(tb.Context(), caller, registration("e1"))
	require.NoError(tb, err)
	require.Equal(tb, http.StatusAccepted, reply.Status, string(reply.Body))
	document := members(tb, reply.Body)
	require.Equal(tb, "registered", document["status"])
	id, _ := document["batch_id"].(string)
	require.NotEmpty(tb, id)
	return domain.BatchID(id)
}

func (h RegistryHarness) registers(t *testing.T) {
	w := h.New(t)
	first, second := w.registered(t, anna()), w.registered(t, domain.Caller{User: "lärare-åsa", Org: "skolan"})
	require.NotEqual(t, first, second)
	require.Equal(t, anna().User, w.Owner(first))
	require.Equal(t, domain.UserID("lärare-åsa"), w.Owner(second))

	r, ref := registration("e1", "e2"), prompt("p1")
	r.PromptRef, r.ClassID, r.Model, r.Temperature = &ref, new("class-1"), new("model"), new(0.5)
	reply, err := w.Registry.Register(t.Context(), anna(), r)
	require.NoError(t, err)
	id, _ := members(t, reply.Body)["batch_id"].(string)
	require.JSONEq(t, `{"references":{"student_prompt_text":{"storage_id":"p1"}}}`, w.Prompt(domain.BatchID(id)))
}

func (h RegistryHarness) setsPrompt(t *testing.T) {
	w := h.New(t)
	id := w.registered(t, anna())
	for _, name := range []string{"p1", "p2"} {
		reply, err := w.Registry.SetPrompt(t.Context(), anna(), id, prompt(name))
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, reply.Status, string(reply.Body))
		require.Equal(t, "success", members(t, reply.Body)["status"])
		require.JSONEq(t, `{"references":{"student_prompt_text":{"storage_id":"`+name+`"}}}`, w.Prompt(id))
	}
}

func (h RegistryHarness) passesRefusals(t *testing.T) {
	w := h.New(t)
	id := w.registered(t, anna())
	reply, err := w.Registry.SetPrompt(t.Context(), domain.Caller{User: "teacher-bo"}, id, prompt("p1"))
	require.NoError(t, err)
	require.Equal(t, http.StatusForbidden, reply.Status)
	require.Equal(t, map[string]any{"error": "Batch not owned by user"}, members(t, reply.Body))
	reply, err = w.Registry.SetPrompt(t.Context(), anna(), "unknown", prompt("p1"))
	require.NoError(t, err)
	require.Equal(t, http.StatusNotFound, reply.Status)
}

func (h RegistryHarness) passesOn(t *testing.T, status int) {
	t.Helper()
	w := h.New(t)
	want := domain.Reply(*refusal(status).Refusal)
	w.Answer(want)
	reply, err := w.Registry.Register(t.Context(), anna(), registration("e1"))
	require.NoError(t, err)
	require.Equal(t, want, reply)
	reply, err = w.Registry.SetPrompt(t.Context(), anna(), "b1", prompt("p1"))
	require.NoError(t, err)
	require.Equal(t, want, reply)
}

func (h RegistryHarness) demandsJSON(t *testing.T) {
	w := h.New(t)
	for _, body := range []string{"", "<html>10.0.0.7</html>", `{"batch_id":`, "{}{}"} {
		w.Answer(domain.Reply{Status: http.StatusOK, ContentType: "application/json", Body: []byte(body)})
		_, err := w.Registry.Register(t.Context(), anna(), registration("e1"))
		_ = requireCode(t, err, domain.InvalidResponse)
		_, err = w.Registry.SetPrompt(t.Context(), anna(), "b1", prompt("p1"))
		e := requireCode(t, err, domain.InvalidResponse)
		require.NotContains(t, e.Message, "10.0.0.7")
	}
}

func (h RegistryHarness) refusesPaths(t *testing.T) {
	if h.Can.AnyID {
		t.Skip("in this technology an id is only an id")
	}
	w := h.New(t)
	for _, id := range []string{"", ".", "..", "../b1", "a/b"} {
		_, err := w.Registry.SetPrompt(t.Context(), anna(), domain.BatchID(id), prompt("p1"))
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
	require.Len(t, owners, 40, "each has a batch of its own")
}

func (h RegistryHarness) endsWithContext(t *testing.T) {
	w := h.New(t)
	id := w.registered(t, anna())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := w.Registry.Register(ctx, anna(), registration("e1"))
	requireCanceled(t, err)
	_, err = w.Registry.SetPrompt(ctx, anna(), id, prompt("p1"))
	requireCanceled(t, err)
}

func (h RegistryHarness) names(t *testing.T, kind Trouble, code domain.Code) {
	t.Helper()
	w := h.New(t)
	id := w.registered(t, anna())
	w.Trouble(kind)
	_, err := w.Registry.Register(t.Context(), anna(), registration("e1"))
	_ = requireCode(t, err, code)
	_, err = w.Registry.SetPrompt(t.Context(), anna(), id, prompt("p1"))
	_ = requireCode(t, err, code)

	w.Trouble(NoTrouble)
	reply, err := w.Registry.SetPrompt(t.Context(), anna(), id, prompt("p1"))
	require.NoError(t, err, "it recovers by itself")
	require.Equal(t, http.StatusOK, reply.Status)
}

// BenchmarkBatchRegistry measures setting a prompt, alone and in parallel.
func BenchmarkBatchRegistry(b *testing.B, h RegistryHarness) {
	w := h.New(b)
	id := w.registered(b, anna())
	measureCalls(b, func() error {
		_, err := w.Registry.SetPrompt(b.Context(), anna(), id, prompt("p1"))
		return err
	})
}
