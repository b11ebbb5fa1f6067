package contract

import (
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

func (r QuotaRig) nodes(n int) []ports.ConnectionQuota {
	out := make([]ports.ConnectionQuota, n)
	for i := range out {
		out[i], _ = r.Node()
	}
	return out
}

func (h QuotaHarness) shares(t *testing.T) {
	nodes, user, first := h.New(t, 2).nodes(3), freshUser(), uuid.NewString()
	require.NoError(t, nodes[0].Acquire(t.Context(), user, first))
	require.NoError(t, nodes[1].Acquire(t.Context(), user, uuid.NewString()))
	requireFailure(t, nodes[2].Acquire(t.Context(), user, uuid.NewString()), domain.QuotaExceeded)
	nodes[1].Release(user, first) // is not the node's to give
	requireFailure(t, nodes[2].Acquire(t.Context(), user, uuid.NewString()), domain.QuotaExceeded)
	nodes[0].Release(user, first)
	require.NoError(t, nodes[2].Acquire(t.Context(), user, uuid.NewString()))
}

// place is what a session holds.
type place struct {
	node    ports.ConnectionQuota
	session string
}

// storm opens so many sockets of the user at once, spread over the nodes, and
// returns those that were let in.
func storm(t *testing.T, nodes []ports.ConnectionQuota, user domain.UserID, sockets int) []place {
	t.Helper()
	var mu sync.Mutex
	var held []place
	var group sync.WaitGroup
	start := make(chan struct{})
	for i := range sockets {
		group.Go(func() {
			p := place{node: nodes[i%len(nodes)], session: uuid.NewString()}
			<-start
			if p.node.Acquire(t.Context(), user, p.session) == nil {
				mu.Lock()
				defer mu.Unlock()
				held = append(held, p)
			}
		})
	}
	close(start)
	group.Wait()
	return held
}

// One user's 20 sockets over three nodes, 100 times.
func (h QuotaHarness) boundsManyNodes(t *testing.T) {
	const limit, sockets, tries = 5, 20, 100
	nodes, user := h.New(t, limit).nodes(3), freshUser()
	for try := range tries {
		held := storm(t, nodes, user, sockets)
		require.Len(t, held, limit, "try %d", try)
		for _, p := range held {
			p.node.Release(user, p.session)
		}
	}
}

func (h QuotaHarness) lasts(t *testing.T) {
	rig, user := h.New(t, 1), freshUser()
	nodes := rig.nodes(2)
	require.NoError(t, nodes[0].Acquire(t.Context(), user, uuid.NewString()))
	end := time.After(2 * rig.Lease)
	tries := time.NewTicker(rig.Lease / 20)
	defer tries.Stop()
	for {
		select {
		case <-end:
			return
		case <-tries.C:
		}
		requireFailure(t, nodes[1].Acquire(t.Context(), user, uuid.NewString()), domain.QuotaExceeded)
	}
}

func (h QuotaHarness) survivesDeath(t *testing.T) {
	rig, user := h.New(t, 3), freshUser()
	doomed, kill := rig.Node()
	other, _ := rig.Node()
	for range 3 {
		require.NoError(t, doomed.Acquire(t.Context(), user, uuid.NewString()))
	}
	kill()
	killed := time.Now()
	requireFailure(t, other.Acquire(t.Context(), user, uuid.NewString()), domain.QuotaExceeded)
	require.Eventually(t, func() bool {
		return other.Acquire(t.Context(), user, uuid.NewString()) == nil
	}, patience, rig.Lease/50)
	require.Less(t, time.Since(killed), rig.Lease+rig.Lease/10)
	for range 2 {
		require.NoError(t, other.Acquire(t.Context(), user, uuid.NewString()))
	}
}

// survivesClockSteps: the places of a killed node are free within a lease after
// the step was seen, whichever way the clock went, and those of a live node stay.
func (h QuotaHarness) survivesClockSteps(t *testing.T) {
	for _, step := range []time.Duration{-time.Hour, -40 * time.Second, 40 * time.Second, time.Hour} {
		t.Run(step.String(), func(t *testing.T) {
			rig, user := h.New(t, 2), freshUser()
			if rig.Step == nil {
				t.Skip("the clock cannot be moved")
			}
			doomed, kill := rig.Node()
			alive, _ := rig.Node()
			other, _ := rig.Node()
			require.NoError(t, doomed.Acquire(t.Context(), user, uuid.NewString()))
			require.NoError(t, alive.Acquire(t.Context(), user, uuid.NewString()))
			kill()
			rig.Step(step)
			stepped := time.Now()
			require.Eventually(t, func() bool {
				return other.Acquire(t.Context(), user, uuid.NewString()) == nil
			}, patience, rig.Lease/50)
			require.Less(t, time.Since(stepped), rig.Lease+rig.Lease/2)
			// The live node renews, so in the end both places are held again, and no
			// more than both.
			require.Eventually(t, func() bool {
				session := uuid.NewString()
				err := other.Acquire(t.Context(), user, session)
				if err == nil {
					other.Release(user, session)
				}
				return err != nil
			}, rig.Lease, rig.Lease/50)
		})
	}
}

func (h QuotaHarness) survivesLoss(t *testing.T) {
	rig, user, kept := h.New(t, 2), freshUser(), uuid.NewString()
	if rig.Lose == nil {
		t.Skip("nobody else's data may be lost")
	}
	nodes := rig.nodes(2)
	require.NoError(t, nodes[0].Acquire(t.Context(), user, kept))
	require.NoError(t, nodes[0].Acquire(t.Context(), user, uuid.NewString()))
	rig.Lose()
	require.Eventually(t, func() bool {
		session := uuid.NewString()
		if nodes[1].Acquire(t.Context(), user, session) != nil {
			return true
		}
		nodes[1].Release(user, session)
		return false
	}, patience, rig.Lease/50)
	nodes[0].Release(user, kept)
	require.NoError(t, nodes[1].Acquire(t.Context(), user, uuid.NewString()))
}

func (h QuotaHarness) boundsAlone(t *testing.T) {
	rig, user := h.New(t, 2), freshUser()
	nodes := rig.nodes(2)
	require.NoError(t, nodes[0].Acquire(t.Context(), user, uuid.NewString()))
	rig.Break()
	var held []string
	for _, node := range nodes {
		for range 2 {
			session := uuid.NewString()
			if node.Acquire(t.Context(), user, session) == nil {
				held = append(held, session)
			}
		}
		began := time.Now()
		requireFailure(t, node.Acquire(t.Context(), user, uuid.NewString()), domain.QuotaExceeded)
		require.Less(t, time.Since(began), time.Second, "at once")
	}
	require.Len(t, held, 3, "one more here, two there")
	nodes[1].Release(user, held[1])
	require.NoError(t, nodes[1].Acquire(t.Context(), user, uuid.NewString()))
	rig.Mend()
	rig.Settle(false)
}

func (h QuotaHarness) remembers(t *testing.T) {
	rig, user := h.New(t, 3), freshUser()
	nodes := rig.nodes(2)
	gone, taken := uuid.NewString(), uuid.NewString()
	require.NoError(t, nodes[0].Acquire(t.Context(), user, gone))
	require.NoError(t, nodes[0].Acquire(t.Context(), user, uuid.NewString()))
	rig.Break()
	require.NoError(t, nodes[1].Acquire(t.Context(), user, taken))
	nodes[0].Release(user, gone)
	rig.Mend()
	rig.Settle(false)
	require.NoError(t, nodes[0].Acquire(t.Context(), user, uuid.NewString()), "two are held")
	for _, node := range nodes {
		requireFailure(t, node.Acquire(t.Context(), user, uuid.NewString()), domain.QuotaExceeded)
	}
	nodes[1].Release(user, taken)
	require.NoError(t, nodes[0].Acquire(t.Context(), user, uuid.NewString()))
}
