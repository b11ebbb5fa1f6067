package contract

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// IdempotencyHarness configures the suite for an adapter of ports.Idempotency.
type IdempotencyHarness struct {
	// New returns one store as seen by two nodes. t.Cleanup must stop it.
	New func(t testing.TB) IdempotencyRig
	// Outage is set if the harness can start an outage.
	Outage bool
}

// IdempotencyRig is one store on two nodes and its technology.
type IdempotencyRig struct {
	Store, Other ports.Idempotency
	// StartOutage starts an outage of the technology.
	StartOutage func()
}

func freshKey() domain.IdempotencyKey {
	return domain.IdempotencyKey{User: freshUser(), Path: "batches/b1/pipelines", Key: uuid.NewString()}
}

// Idempotency tests an adapter against the comments of ports.Idempotency.
func Idempotency(t *testing.T, h IdempotencyHarness) {
	t.Run("a key is claimed once", h.claimsOnce)
	t.Run("a confirmed response is returned for the same request", h.returnsResponse)
	t.Run("another body is a mismatch", h.reportsMismatch)
	t.Run("a released key can be claimed again", h.releases)
	t.Run("an expired ticket changes nothing", h.ignoresExpiredTicket)
	t.Run("keys are separate per user and path", h.keepsKeysApart)
	t.Run("exactly one of many concurrent claims succeeds", h.claimsOnceAmongMany)
	if h.Outage {
		t.Run("outage: every call returns an error in time", h.failsDuringOutage)
	}
}

func claim(t *testing.T, i ports.Idempotency, key domain.IdempotencyKey, digest string) domain.Claim {
	t.Helper()
	c, err := i.Claim(t.Context(), key, digest)
	require.NoError(t, err)
	return c
}

func (h IdempotencyHarness) claimsOnce(t *testing.T) {
	rig, key := h.New(t), freshKey()
	first := claim(t, rig.Store, key, "d1")
	require.Equal(t, domain.Claimed, first.State)
	require.NotEmpty(t, first.Ticket)
	for _, digest := range []string{"d1", "d2"} {
		require.Equal(t, domain.Claim{State: domain.Running}, claim(t, rig.Store, key, digest))
		require.Equal(t, domain.Claim{State: domain.Running}, claim(t, rig.Other, key, digest))
	}
}

func (h IdempotencyHarness) returnsResponse(t *testing.T) {
	rig := h.New(t)
	for _, answer := range []string{`{"status": "accepted"}`, "", " ", "a b  c", "\x00\xff\r\n", strings.Repeat("x", 5000)} {
		key := freshKey()
		first := claim(t, rig.Store, key, "d1")
		require.NoError(t, rig.Store.Confirm(t.Context(), key, first.Ticket, []byte(answer)))
		for range 2 {
			again := claim(t, rig.Other, key, "d1")
			require.Equal(t, domain.Completed, again.State)
			require.Equal(t, answer, string(again.Response), "the response must be identical")
		}
	}
}

func (h IdempotencyHarness) reportsMismatch(t *testing.T) {
	rig, key := h.New(t), freshKey()
	require.NoError(t, rig.Store.Confirm(t.Context(), key, claim(t, rig.Store, key, "d1").Ticket, []byte("a")))
	require.Equal(t, domain.Claim{State: domain.Mismatched}, claim(t, rig.Other, key, "d2"))
	require.Equal(t, domain.Completed, claim(t, rig.Other, key, "d1").State)
}

func (h IdempotencyHarness) releases(t *testing.T) {
	rig, key := h.New(t), freshKey()
	for _, digest := range []string{"d1", "d2"} {
		c := claim(t, rig.Store, key, digest)
		require.Equal(t, domain.Claimed, c.State)
		require.NoError(t, rig.Store.Release(t.Context(), key, c.Ticket))
		require.NoError(t, rig.Store.Release(t.Context(), key, c.Ticket))
	}
}

func (h IdempotencyHarness) ignoresExpiredTicket(t *testing.T) {
	rig, key := h.New(t), freshKey()
	expired := claim(t, rig.Store, key, "d1").Ticket
	require.NoError(t, rig.Store.Release(t.Context(), key, expired))
	held := claim(t, rig.Other, key, "d2").Ticket
	require.NotEqual(t, expired, held)
	require.NoError(t, rig.Store.Release(t.Context(), key, expired))
	require.Equal(t, domain.Running, claim(t, rig.Store, key, "d1").State)
	require.NoError(t, rig.Store.Confirm(t.Context(), key, expired, []byte("expired")))
	require.Equal(t, domain.Running, claim(t, rig.Store, key, "d1").State)
	require.NoError(t, rig.Other.Confirm(t.Context(), key, held, []byte("held")))
	require.NoError(t, rig.Store.Confirm(t.Context(), key, expired, []byte("expired")))
	require.NoError(t, rig.Store.Release(t.Context(), key, expired))
	require.NoError(t, rig.Other.Release(t.Context(), key, held))
	require.Equal(t, domain.Claim{State: domain.Completed, Response: []byte("held")}, claim(t, rig.Store, key, "d2"))
}

func (h IdempotencyHarness) keepsKeysApart(t *testing.T) {
	rig, user := h.New(t), freshUser()
	for _, key := range []domain.IdempotencyKey{
		{User: user, Path: "p", Key: "k"},
		{User: user + "x", Path: "p", Key: "k"},
		{User: user + "}", Path: "p", Key: "k"},
		{User: user + "}:", Path: "p", Key: "k"},
		{User: user, Path: "p2", Key: "k"},
		{User: user, Path: "p", Key: "k2"},
		{User: user, Path: "", Key: "kp"},
		{User: user, Path: "pk", Key: ""},
		{User: user, Path: "p ", Key: "k"},
		{User: user, Path: "p", Key: " k"},
		{User: user, Path: strings.Repeat("ä", 2000), Key: strings.Repeat("~", 128)},
	} {
		require.Equal(t, domain.Claimed, claim(t, rig.Store, key, "d").State, key)
	}
}

func (h IdempotencyHarness) claimsOnceAmongMany(t *testing.T) {
	rig := h.New(t)
	for range 5 {
		var claimed, running atomic.Int64
		var group sync.WaitGroup
		key := freshKey()
		for n := range 40 {
			group.Go(func() {
				store := []ports.Idempotency{rig.Store, rig.Other}[n%2]
				switch c, err := store.Claim(t.Context(), key, "d"); {
				case err != nil:
					t.Errorf("claim: %v", err)
				case c.State == domain.Claimed:
					claimed.Add(1)
				case c.State == domain.Running:
					running.Add(1)
				}
			})
		}
		group.Wait()
		require.EqualValues(t, 1, claimed.Load())
		require.EqualValues(t, 39, running.Load())
	}
}

func (h IdempotencyHarness) failsDuringOutage(t *testing.T) {
	rig, key := h.New(t), freshKey()
	held := claim(t, rig.Store, key, "d")
	rig.StartOutage()
	for what, step := range map[string]func(context.Context) error{
		"claim":   func(ctx context.Context) error { _, err := rig.Store.Claim(ctx, freshKey(), "d"); return err },
		"confirm": func(ctx context.Context) error { return rig.Store.Confirm(ctx, key, held.Ticket, []byte("a")) },
		"release": func(ctx context.Context) error { return rig.Store.Release(ctx, key, held.Ticket) },
	} {
		startedAt := time.Now()
		err := step(t.Context())
		require.Error(t, err, what)
		require.Contains(t, []domain.Code{domain.ConnectionError, domain.Timeout, domain.ServiceUnavailable}, domain.CodeOf(err), what)
		require.Less(t, time.Since(startedAt), 2*time.Second, what)
	}
}
