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

// QuotaHarness brings an adapter of ports.ConnectionQuota to its suite.
type QuotaHarness struct {
	// New returns a technology that is up, for quotas of so many sockets a user;
	// t.Cleanup ends it.
	New func(t testing.TB, perUser int) QuotaRig
	// Can says what the technology is able to do.
	Can QuotaAbilities
}

// QuotaAbilities says what a technology is able to do.
type QuotaAbilities struct {
	// Share: nodes of one rig count together.
	Share bool
	// Break: it can be taken away and brought back.
	Break bool
}

// QuotaRig is a technology with nodes on it.
type QuotaRig struct {
	// Node returns a further node's quota. kill ends the node without a word to
	// anybody, as a crash does; without Share there is only one node.
	Node func() (quota ports.ConnectionQuota, kill func())
	// Lease bounds how long a killed node's places stay taken; with Share.
	Lease time.Duration
	// Break takes the technology away, Mend brings it back; Settle returns when
	// every node knows of it. With Break.
	Break, Mend func()
	Settle      func(away bool)
	// Lose makes the technology forget everything; with Share, nil where nobody
	// can do that without harm to others.
	Lose func()
	// Step moves the technology's clock by the time; with Share, nil where that is
	// not possible.
	Step func(by time.Duration)
}

// ConnectionQuota holds an adapter to the words of ports.ConnectionQuota.
func ConnectionQuota(t *testing.T, h QuotaHarness) {
	t.Run("the one over the limit is refused", h.refuses)
	t.Run("a place that is given back is free", h.releases)
	t.Run("who has no place gives none back", h.releasesNothing)
	t.Run("a session that has a place keeps it", h.keeps)
	t.Run("users do not count for each other", h.keepsApart)
	t.Run("of many at once exactly the limit succeed", h.boundsMany)
	if h.Can.Share {
		t.Run("nodes count together", h.shares)
		t.Run("of many at once on many nodes exactly the limit succeed", h.boundsManyNodes)
		t.Run("places last as long as their node", h.lasts)
		t.Run("a killed node's places are free in time", h.survivesDeath)
		t.Run("places that were lost are taken again", h.survivesLoss)
		t.Run("a killed node's places are free in time after a step of the clock", h.survivesClockSteps)
	}
	if h.Can.Break {
		t.Run("away: the bound holds per node", h.boundsAlone)
		t.Run("away: what was taken and given back counts afterwards", h.remembers)
	}
}

// one is a quota on a technology of its own.
func (h QuotaHarness) one(t testing.TB, perUser int) ports.ConnectionQuota {
	t.Helper()
	q, _ := h.New(t, perUser).Node()
	return q
}

func (h QuotaHarness) refuses(t *testing.T) {
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

func (h QuotaHarness) releasesNothing(t *testing.T) {
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

func (h QuotaHarness) keeps(t *testing.T) {
	q, user, session := h.one(t, 1), freshUser(), uuid.NewString()
	for range 3 {
		require.NoError(t, q.Acquire(t.Context(), user, session))
	}
	q.Release(user, session)
	require.NoError(t, q.Acquire(t.Context(), user, uuid.NewString()))
}

func (h QuotaHarness) keepsApart(t *testing.T) {
	q := h.one(t, 1)
	user := freshUser()
	for _, u := range []domain.UserID{user, user + "x", user + "}", user + ":"} {
		require.NoError(t, q.Acquire(t.Context(), u, "8a0f4ac2-2f7b-4b0e-a3c7-0d3f0d1f6f10"))
	}
}

func (h QuotaHarness) boundsMany(t *testing.T) {
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

// BenchmarkConnectionQuota measures taking a place and giving it back.
func BenchmarkConnectionQuota(b *testing.B, h QuotaHarness) {
	q := h.one(b, 5)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		user, session := freshUser(), uuid.NewString()
		for pb.Next() {
			if err := q.Acquire(b.Context(), user, session); err != nil {
				b.Error(err)
			}
			q.Release(user, session)
		}
	})
}
