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

// PreflightHarness brings an adapter of ports.PreflightChecker to its suite.
type PreflightHarness struct {
	// New returns a checker that asks a fresh platform; t.Cleanup ends both.
	New func(t testing.TB) PreflightWorld
}

// PreflightWorld is a checker and the platform that it asks.
type PreflightWorld struct {
	Checker ports.PreflightChecker
	// Decide sets what the platform says to the batch's next preflights: that it
	// is allowed, or the refusal's status and body.
	Decide func(batch domain.BatchID, v domain.Verdict)
	// Trouble makes the platform fail until NoTrouble.
	Trouble func(kind Trouble)
}

// PreflightChecker holds an adapter to the words of ports.PreflightChecker.
func PreflightChecker(t *testing.T, h PreflightHarness) {
	t.Helper()
	t.Run("a permission", h.allows)
	for _, status := range []int{
		http.StatusBadRequest, http.StatusPaymentRequired, http.StatusNotFound,
		http.StatusConflict, http.StatusTooManyRequests,
	} {
		t.Run(fmt.Sprintf("passes on %d", status), func(t *testing.T) { h.passesOn(t, status) })
	}
	t.Run("any number of callers", h.servesManyCallers)
	t.Run("a context that is done is no permission", h.endsWithContext)
	for kind, code := range troubles() {
		t.Run("platform "+string(kind)+" is no permission", func(t *testing.T) { h.refuses(t, kind, code) })
	}
}

func (h PreflightHarness) allows(t *testing.T) {
	w := h.New(t)
	w.Decide("b1", domain.Verdict{Allowed: true})
	for _, pipeline := range domain.Pipelines() {
		v, err := w.Checker.Check(t.Context(), anna(), "b1", pipeline)
		require.NoError(t, err)
		require.Equal(t, domain.Verdict{Allowed: true}, v)
	}
}

// refusal is an answer whose odd spacing shows whether a body is passed on
// byte for byte.
func refusal(status int) domain.Verdict {
	return domain.Verdict{Refusal: &domain.Refusal{
		Status: status, ContentType: "application/json", RetryAfter: "17", Body: fmt.Appendf(nil, "{ \"error\" :\t\"refused with %d <é>\"}\n", status),
	}}
}

func (h PreflightHarness) passesOn(t *testing.T, status int) {
	t.Helper()
	w := h.New(t)
	want := refusal(status)
	w.Decide("b1", want)
	v, err := w.Checker.Check(t.Context(), anna(), "b1", "nlp")
	require.NoError(t, err)
	require.Equal(t, want, v)
}

func (h PreflightHarness) servesManyCallers(t *testing.T) {
	w := h.New(t)
	var group sync.WaitGroup
	for i := range 16 {
		id := domain.BatchID(fmt.Sprintf("b%d", i))
		allowed := i%2 == 0
		w.Decide(id, refusal(http.StatusConflict))
		if allowed {
			w.Decide(id, domain.Verdict{Allowed: true})
		}
		for range 5 {
			group.Go(func() {
				v, err := w.Checker.Check(t.Context(), anna(), id, "nlp")
				if err != nil || v.Allowed != allowed {
					t.Errorf("batch %s: got %v, %v", id, v.Allowed, err)
				}
			})
		}
	}
	group.Wait()
}

func (h PreflightHarness) endsWithContext(t *testing.T) {
	w := h.New(t)
	w.Decide("b1", domain.Verdict{Allowed: true})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	v, err := w.Checker.Check(ctx, anna(), "b1", "nlp")
	requireCanceled(t, err)
	require.Zero(t, v)
}

func (h PreflightHarness) refuses(t *testing.T, kind Trouble, code domain.Code) {
	t.Helper()
	w := h.New(t)
	w.Decide("b1", domain.Verdict{Allowed: true})
	w.Trouble(kind)
	v, err := w.Checker.Check(t.Context(), anna(), "b1", "nlp")
	_ = requireCode(t, err, code)
	require.Zero(t, v)

	w.Trouble(NoTrouble)
	v, err = w.Checker.Check(t.Context(), anna(), "b1", "nlp")
	require.NoError(t, err, "it recovers by itself")
	require.True(t, v.Allowed)
}

// BenchmarkPreflightChecker measures one question, alone and in parallel.
func BenchmarkPreflightChecker(b *testing.B, h PreflightHarness) {
	w := h.New(b)
	w.Decide("b1", domain.Verdict{Allowed: true})
	measureCalls(b, func() error {
		_, err := w.Checker.Check(b.Context(), anna(), "b1", "nlp")
		return err
	})
}
