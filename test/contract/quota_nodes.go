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

func (h QuotaHarness) countsAllNodes(t *testing.T) {
	nodes, user, first := h.New(t, 2).nodes(3), freshUser(), uuid.NewString()
	require.NoError(t, nodes[0].Acquire(t.Context(), user, first))
	require.NoError(t, nodes[1].Acquire(t.Context(), user, uuid.NewString()))
	requireFailure(t, nodes[2].Acquire(t.Context(), user, uuid.NewString()), domain.QuotaExceeded)
	nodes[1].Release(user, first) // the session belongs to another node
	requireFailure(t, nodes[2].Acquire(t.Context(), user, uuid.NewString()), domain.QuotaExceeded)
	nodes[0].Release(user, first)
	require.NoError(t, nodes[2].Acquire(t.Context(), user, uuid.NewString()))
}

// admittedSession is an admitted session.
type admittedSession struct {
	node    ports.ConnectionQuota
	session string
}

// acquireConcurrently acquires sessions of one user concurrently on several nodes and returns the
// admitted ones.
func acquireConcurrently(t *testing.T, nodes []ports.ConnectionQuota, user domain.UserID, sockets int) []admittedSession {
	t.Helper()
	var mu sync.Mutex
	var held []admittedSession
	var group sync.WaitGroup
	start := make(chan struct{})
	for i := range sockets {
		group.Go(func() {
			p := admittedSession{node: nodes[i%len(nodes)], session: uuid.NewString()}
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

// admitsExactlyTheLimitOnNodes opens 20 sockets of one user on three nodes, 100 times.
func (h QuotaHarness) admitsExactlyTheLimitOnNodes(t *testing.T) {
	const limit, sockets, tries = 5, 20, 100
	nodes, user := h.New(t, limit).nodes(3), freshUser()
	for try := range tries {
		held := acquireConcurrently(t, nodes, user, sockets)
		require.Len(t, held, limit, "try %d", try)
		for _, p := range held {
			p.node.Release(user, p.session)
		}
	}
}

func (h QuotaHarness) countsWhileNodeRuns(t *testing.T) {
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

func (h QuotaHarness) expiresWithNode(t *testing.T) {
	rig, user := h.New(t, 3), freshUser()
	victim, kill := rig.Node()
	other, _ := rig.Node()
	for range 3 {
		require.NoError(t, victim.Acquire(t.Context(), user, uuid.NewString()))
	}
	kill()
	killed := time.Now()
	requireFailure(t, other.Acquire(t.Context(), user, uuid.NewString()), domain.QuotaExceeded)
	// The leases of the three sessions began at different times, so they end at different times.
	for range 3 {
		require.Eventually(t, func() bool {
			return other.Acquire(t.Context(), user, uuid.NewString()) == nil
		}, waitLimit, rig.Lease/50)
	}
	require.Less(t, time.Since(killed), rig.Lease+rig.Lease/2)
}

// expiresAfterClockStep checks that the sessions of a killed node expire within a lease after a
// step of the clock, forwards or backwards, and that those of a live node do not expire.
func (h QuotaHarness) expiresAfterClockStep(t *testing.T) {
	for _, step := range []time.Duration{-time.Hour, -40 * time.Second, 40 * time.Second, time.Hour} {
		t.Run(step.String(), func(t *testing.T) {
			rig, user := h.New(t, 2), freshUser()
			if rig.Step == nil {
				t.Skip("this technology's clock cannot be set")
			}
			victim, kill := rig.Node()
			alive, _ := rig.Node()
			other, _ := rig.Node()
			require.NoError(t, victim.Acquire(t.Context(), user, uuid.NewString()))
			require.NoError(t, alive.Acquire(t.Context(), user, uuid.NewString()))
			kill()
			rig.Step(step)
			stepped := time.Now()
			require.Eventually(t, func() bool {
				return other.Acquire(t.Context(), user, uuid.NewString()) == nil
			}, waitLimit, rig.Lease/50)
			require.Less(t, time.Since(stepped), rig.Lease+rig.Lease/2)
			// The live node renews its lease, so the quota is full again in the end.
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

func (h QuotaHarness) restoresAfterDataLoss(t *testing.T) {
	rig, user, session := h.New(t, 2), freshUser(), uuid.NewString()
	if rig.LoseData == nil {
		t.Skip("the technology is shared with other tests")
	}
	nodes := rig.nodes(2)
	require.NoError(t, nodes[0].Acquire(t.Context(), user, session))
	require.NoError(t, nodes[0].Acquire(t.Context(), user, uuid.NewString()))
	rig.LoseData()
	require.Eventually(t, func() bool {
		other := uuid.NewString()
		if nodes[1].Acquire(t.Context(), user, other) != nil {
			return true
		}
		nodes[1].Release(user, other)
		return false
	}, waitLimit, rig.Lease/50)
	nodes[0].Release(user, session)
	require.NoError(t, nodes[1].Acquire(t.Context(), user, uuid.NewString()))
}

func (h QuotaHarness) limitsPerNode(t *testing.T) {
	rig, user := h.New(t, 2), freshUser()
	nodes := rig.nodes(2)
	require.NoError(t, nodes[0].Acquire(t.Context(), user, uuid.NewString()))
	rig.StartOutage()
	var held []string
	for _, node := range nodes {
		for range 2 {
			session := uuid.NewString()
			if node.Acquire(t.Context(), user, session) == nil {
				held = append(held, session)
			}
		}
		startedAt := time.Now()
		requireFailure(t, node.Acquire(t.Context(), user, uuid.NewString()), domain.QuotaExceeded)
		require.Less(t, time.Since(startedAt), time.Second, "during an outage the decision must be immediate")
	}
	require.Len(t, held, 3, "one more on the first node, two on the second")
	nodes[1].Release(user, held[1])
	require.NoError(t, nodes[1].Acquire(t.Context(), user, uuid.NewString()))
	rig.EndOutage()
	rig.AwaitOutage(false)
}

func (h QuotaHarness) countsChangesAfterOutage(t *testing.T) {
	rig, user := h.New(t, 3), freshUser()
	nodes := rig.nodes(2)
	released, taken := uuid.NewString(), uuid.NewString()
	require.NoError(t, nodes[0].Acquire(t.Context(), user, released))
	require.NoError(t, nodes[0].Acquire(t.Context(), user, uuid.NewString()))
	rig.StartOutage()
	require.NoError(t, nodes[1].Acquire(t.Context(), user, taken))
	nodes[0].Release(user, released)
	rig.EndOutage()
	rig.AwaitOutage(false)
	require.NoError(t, nodes[0].Acquire(t.Context(), user, uuid.NewString()), "two of three sessions are in use")
	for _, node := range nodes {
		requireFailure(t, node.Acquire(t.Context(), user, uuid.NewString()), domain.QuotaExceeded)
	}
	nodes[1].Release(user, taken)
	require.NoError(t, nodes[0].Acquire(t.Context(), user, uuid.NewString()))
}
