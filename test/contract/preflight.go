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

// PreflightHarness configures the suite for an adapter of ports.PreflightChecker.
type PreflightHarness struct {
	// New returns a checker of a new platform. t.Cleanup must stop both.
	New func(t testing.TB) PreflightRig
}

// PreflightRig is a checker and its platform.
type PreflightRig struct {
	Checker ports.PreflightChecker
	// SetPreflight sets the platform's next results for the batch: allowed, or the status and
	// body of the refusal.
	SetPreflight func(batch domain.BatchID, v ports.PreflightResult)
	// Fail makes the platform fail until it is called with NoFailure.
	Fail func(kind Failure)
}

// PreflightChecker tests an adapter against the comments of ports.PreflightChecker.
func PreflightChecker(t *testing.T, h PreflightHarness) {
	t.Helper()
	t.Run("returns allowed", h.allows)
	for _, status := range []int{
		http.StatusBadRequest, http.StatusPaymentRequired, http.StatusNotFound,
		http.StatusConflict, http.StatusTooManyRequests,
	} {
		t.Run(fmt.Sprintf("returns the refusal %d", status), func(t *testing.T) { h.passesOn(t, status) })
	}
	t.Run("serves concurrent callers", h.servesManyCallers)
	t.Run("returns an error for a cancelled context", h.endsWithContext)
	for kind, code := range failureCodes() {
		t.Run("returns an error: "+string(kind), func(t *testing.T) { h.refuses(t, kind, code) })
	}
}

func (h PreflightHarness) allows(t *testing.T) {
	w := h.New(t)
	w.SetPreflight("b1", ports.PreflightResult{Allowed: true})
	for _, pipeline := range domain.Pipelines() {
		v, err := w.Checker.Check(t.Context(), sampleCaller(), "b1", pipeline)
		require.NoError(t, err)
		require.Equal(t, ports.PreflightResult{Allowed: true}, v)
	}
}

// refusal returns a refusal with unusual white space, to test that the body is not
// changed.
func refusal(status int) ports.PreflightResult {
	return ports.PreflightResult{Refusal: &ports.Passthrough{
		Status: status, ContentType: "application/json", RetryAfter: "17", Body: fmt.Appendf(nil, "{ \"error\" :\t\"refused with %d <é>\"}\n", status),
	}}
}

func (h PreflightHarness) passesOn(t *testing.T, status int) {
	t.Helper()
	w := h.New(t)
	want := refusal(status)
	w.SetPreflight("b1", want)
	v, err := w.Checker.Check(t.Context(), sampleCaller(), "b1", "nlp")
	require.NoError(t, err)
	require.Equal(t, want, v)
}

func (h PreflightHarness) servesManyCallers(t *testing.T) {
	w := h.New(t)
	var group sync.WaitGroup
	for i := range 16 {
		id := domain.BatchID(fmt.Sprintf("b%d", i))
		allowed := i%2 == 0
		w.SetPreflight(id, refusal(http.StatusConflict))
		if allowed {
			w.SetPreflight(id, ports.PreflightResult{Allowed: true})
		}
		for range 5 {
			group.Go(func() {
				v, err := w.Checker.Check(t.Context(), sampleCaller(), id, "nlp")
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
	w.SetPreflight("b1", ports.PreflightResult{Allowed: true})
	ctx := cancelled(t)
	v, err := w.Checker.Check(ctx, sampleCaller(), "b1", "nlp")
	requireCanceled(t, err)
	require.Zero(t, v)
}

func (h PreflightHarness) refuses(t *testing.T, kind Failure, code domain.Code) {
	t.Helper()
	w := h.New(t)
	w.SetPreflight("b1", ports.PreflightResult{Allowed: true})
	w.Fail(kind)
	v, err := w.Checker.Check(t.Context(), sampleCaller(), "b1", "nlp")
	_ = requireCode(t, err, code)
	require.Zero(t, v)

	w.Fail(NoFailure)
	v, err = w.Checker.Check(t.Context(), sampleCaller(), "b1", "nlp")
	require.NoError(t, err, "the checker must recover")
	require.True(t, v.Allowed)
}
