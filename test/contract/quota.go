package contract

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// QuotaHarness brings an adapter of ports.ConnectionQuota to its suite.
type QuotaHarness struct {
	// New returns a quota of so many sockets a user; t.Cleanup ends it.
	New func(t testing.TB, perUser int) ports.ConnectionQuota
}

// ConnectionQuota holds an adapter to the words of ports.ConnectionQuota.
func ConnectionQuota(t *testing.T, h QuotaHarness) {
	t.Run("the one over the limit is refused", h.refuses)
	t.Run("a place that is given back is free", h.releases)
	t.Run("who has no place gives none back", h.releasesNothing)
	t.Run("users do not count for each other", h.keepsApart)
	t.Run("of many at once exactly the limit succeed", h.boundsMany)
}

func (h QuotaHarness) refuses(t *testing.T) {
	q, user := h.New(t, 3), freshUser()
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
	q, user, first := h.New(t, 2), freshUser(), uuid.NewString()
	require.NoError(t, q.Acquire(t.Context(), user, first))
	require.NoError(t, q.Acquire(t.Context(), user, uuid.NewString()))
	q.Release(user, first)
	require.NoError(t, q.Acquire(t.Context(), user, uuid.NewString()))
	requireFailure(t, q.Acquire(t.Context(), user, uuid.NewString()), domain.QuotaExceeded)
}

func (h QuotaHarness) releasesNothing(t *testing.T) {
	q, user, first := h.New(t, 2), freshUser(), uuid.NewString()
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

func (h QuotaHarness) keepsApart(t *testing.T) {
	q := h.New(t, 1)
	user := freshUser()
	for _, u := range []domain.UserID{user, user + "x", user + "}", user + ":"} {
		require.NoError(t, q.Acquire(t.Context(), u, "8a0f4ac2-2f7b-4b0e-a3c7-0d3f0d1f6f10"))
	}
}

func (h QuotaHarness) boundsMany(t *testing.T) {
	const limit, callers = 5, 100
	q, user := h.New(t, limit), freshUser()
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
	q := h.New(b, 5)
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
