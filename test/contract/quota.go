package contract

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// QuotaHarness configures the suite for an adapter of ports.ConnectionQuota.
type QuotaHarness struct {
	// New returns a running technology for quotas of perUser sockets per user. t.Cleanup
	// must stop it.
	New func(t testing.TB, perUser int) QuotaRig
	// Shared is set if the nodes of one rig count together.
	Shared bool
	// Outage is set if the harness can start and end an outage.
	Outage bool
}

// QuotaRig is a technology with nodes.
type QuotaRig struct {
	// Node returns the quota of another node. kill stops the node without a release, as
	// a crash does. If the harness does not have Shared, there is only one node.
	Node func() (quota ports.ConnectionQuota, kill func())
	// Lease is how long the sockets of a killed node count, if the harness has Shared.
	Lease time.Duration
	// StartOutage starts an outage and EndOutage ends it. AwaitOutage returns when every node has
	// detected the change. All are set if the harness has Outage.
	StartOutage, EndOutage func()
	AwaitOutage            func(away bool)
	// LoseData deletes all data of the technology, if the harness has Shared. It is nil if that would
	// affect other tests.
	LoseData func()
	// Step moves the clock of the technology by the given time, if the harness has Shared. It is nil if
	// that is not possible.
	Step func(by time.Duration)
}

// ConnectionQuota tests an adapter against the comments of ports.ConnectionQuota.
func ConnectionQuota(t *testing.T, h QuotaHarness) {
	t.Run("rejects a session over the limit", h.rejects)
	t.Run("a released session makes room", h.releases)
	t.Run("releasing an unknown session has no effect", h.ignoresUnknownRelease)
	t.Run("acquiring twice counts once", h.acquiresTwice)
	t.Run("counts users separately", h.separatesUsers)
	t.Run("admits exactly the limit of concurrent sessions", h.admitsExactlyTheLimit)
	if h.Shared {
		t.Run("counts all nodes together", h.countsAllNodes)
		t.Run("admits exactly the limit of concurrent sessions on several nodes", h.admitsExactlyTheLimitOnNodes)
		t.Run("sessions count as long as their node runs", h.countsWhileNodeRuns)
		t.Run("sessions of a killed node expire", h.expiresWithNode)
		t.Run("sessions are restored after data loss", h.restoresAfterDataLoss)
		t.Run("sessions of a killed node expire after a step of the clock", h.expiresAfterClockStep)
	}
	if h.Outage {
		t.Run("outage: applies the limit per node", h.limitsPerNode)
		t.Run("outage: changes count afterwards", h.countsChangesAfterOutage)
	}
}

// one returns a quota on its own technology.
func (h QuotaHarness) one(t testing.TB, perUser int) ports.ConnectionQuota {
	t.Helper()
	q, _ := h.New(t, perUser).Node()
	return q
}

func (h QuotaHarness) rejects(t *testing.T) {
	q, user := h.one(t, 3), freshUser()
	for range 3 {
		require.NoError(t, q.Acquire(t.Context(), user, uuid.NewString()))
	}
	for range 2 {
		err := q.Acquire(t.Context(), user, uuid.NewString())
		requireFailure(t, err, domain.QuotaExceeded)
		require.Equal(t, "Connection limit exceeded", domain.PublicMessage(err))
		require.Equal(t, map[string]any{"quota_type": "concurrent_connections", "limit": 3}, domain.As(err).Details)
	}
}

func (h QuotaHarness) releases(t *testing.T) {
	q, user, first := h.one(t, 2), freshUser(), uuid.NewString()
	require.NoError(t, q.Acquire(t.Context(), user, first))
	require.NoError(t, q.Acquire(t.Context(), user, uuid.NewString()))
	q.Release(user, first)
	require.NoError(t, q.Acquire(t.Context(), user, uuid.NewString()))
	requireFailure(t, q.Acquire(t.Context(), user, uuid.NewString()), domain.QuotaExceeded)
}

func (h QuotaHarness) ignoresUnknownRelease(t *testing.T) {
	q, user, first := h.one(t, 2), freshUser(), uuid.NewString()
	q.Release(user, uuid.NewString())
	require.NoError(t, q.Acquire(t.Context(), user, first))
	require.NoError(t, q.Acquire(t.Context(), user, uuid.NewString()))
	q.Release(user, uuid.NewString())
	q.Release(freshUser(), first)
	requireFailure(t, q.Acquire(t.Context(), user, uuid.NewString()), domain.QuotaExceeded)
	q.Release(user, first)
	q.Release(user, first)
	require.NoError(t, q.Acquire(t.Context(), user, uuid.NewString()))
	requireFailure(t, q.Acquire(t.Context(), user, uuid.NewString()), domain.QuotaExceeded)
}

func (h QuotaHarness) acquiresTwice(t *testing.T) {
	q, user, session := h.one(t, 1), freshUser(), uuid.NewString()
	for range 3 {
		require.NoError(t, q.Acquire(t.Context(), user, session))
	}
	q.Release(user, session)
	require.NoError(t, q.Acquire(t.Context(), user, uuid.NewString()))
}

func (h QuotaHarness) separatesUsers(t *testing.T) {
	q := h.one(t, 1)
	user := freshUser()
	for _, u := range []domain.UserID{user, user + "x", user + "}", user + ":"} {
		require.NoError(t, q.Acquire(t.Context(), u, "8a0f4ac2-2f7b-4b0e-a3c7-0d3f0d1f6f10"))
	}
}

func (h QuotaHarness) admitsExactlyTheLimit(t *testing.T) {
	const limit, callers = 5, 100
	q, user := h.one(t, limit), freshUser()
	for range 3 {
		var held sync.Map
		var granted atomic.Int64
		var group sync.WaitGroup
		for range callers {
			group.Go(func() {
				session := uuid.NewString()
				if q.Acquire(t.Context(), user, session) == nil {
					granted.Add(1)
					held.Store(session, true)
				}
			})
		}
		group.Wait()
		require.EqualValues(t, limit, granted.Load())
		held.Range(func(session, _ any) bool { q.Release(user, session.(string)); return true })
	}
}
