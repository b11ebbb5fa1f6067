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
	"pgregory.net/rapid"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// LimiterHarness brings an adapter of ports.RateLimiter to its suite.
type LimiterHarness struct {
	// New returns nodes that count together; t.Cleanup ends them.
	New func(t testing.TB) LimiterRig
	Can LimiterAbilities
}

// LimiterRig is a limiter as all nodes have it, and the technology behind it.
type LimiterRig struct {
	// Node returns the limiter of one more node.
	Node func() ports.RateLimiter
	// Break takes the technology away, Mend brings it back; both return when
	// that is done. Alone returns once the nodes so far are in that state.
	Break, Mend func()
	Alone       func(alone bool)
	// Trips counts the round trips of all nodes so far, for benchmarks; nil when
	// nobody can tell.
	Trips func() int64
}

// LimiterAbilities are what an adapter's surroundings allow.
type LimiterAbilities struct {
	// Break says that the technology can be taken away.
	Break bool
}

// longWindow does not end while a test runs.
const longWindow = time.Minute

func limitOf(most int) domain.Limit {
	return domain.Limit{Class: domain.LimitQueries, Max: most, Window: longWindow}
}

func freshParty() string { return "user:" + string(freshUser()) }

// RateLimiter holds an adapter to the words of ports.RateLimiter.
func RateLimiter(t *testing.T, h LimiterHarness) {
	t.Run("a window holds the limit", h.holds)
	t.Run("the next window begins with the first request after the last", h.beginsAnew)
	t.Run("a refused request does not prolong its window", h.doesNotProlong)
	t.Run("parties and classes do not count for each other", h.keepsApart)
	t.Run("of many at once on many nodes exactly the limit are allowed", h.boundsMany)
	t.Run("whatever the parties do, each has exactly its limit", h.isExact)
	t.Run("one whose context is done gets an answer", h.answersTheDone)
	if h.Can.Break {
		t.Run("away, every node decides for itself and at once", h.decidesAlone)
		t.Run("back, the nodes count together", h.countsTogetherAgain)
	}
}

func (h LimiterHarness) holds(t *testing.T) {
	l, party, limit := h.New(t).Node(), freshParty(), limitOf(5)
	for i := range limit.Max {
		a := l.Take(t.Context(), party, limit)
		require.True(t, a.Allowed)
		require.Equal(t, limit.Max-1-i, a.Remaining)
		requireWithin(t, a.Reset, limit.Window)
	}
	for range 3 {
		a := l.Take(t.Context(), party, limit)
		require.False(t, a.Allowed)
		require.Zero(t, a.Remaining)
		requireWithin(t, a.Reset, limit.Window)
	}
}

func requireWithin(t *testing.T, reset, window time.Duration) {
	t.Helper()
	require.LessOrEqual(t, reset, window)
	require.Greater(t, reset, window-patience)
}

func (h LimiterHarness) beginsAnew(t *testing.T) {
	l, party := h.New(t).Node(), freshParty()
	limit := domain.Limit{Class: domain.LimitCommands, Max: 2, Window: time.Second}
	began := time.Now()
	for range 2 {
		require.True(t, l.Take(t.Context(), party, limit).Allowed)
	}
	require.False(t, l.Take(t.Context(), party, limit).Allowed)
	require.Equal(t, 1, awaitAllowed(t, l, party, limit).Remaining, "the new window is whole")
	require.GreaterOrEqual(t, time.Since(began), limit.Window-windowSlack, "the old one lasted as long as it says")
}

// windowSlack is how much too early a window may end: as coarse as the clock of
// the embedded Redis is.
const windowSlack = 150 * time.Millisecond

// awaitAllowed asks until a request is allowed, as Reset advises.
func awaitAllowed(t *testing.T, l ports.RateLimiter, party string, limit domain.Limit) domain.Allowance {
	t.Helper()
	for began := time.Now(); time.Since(began) < patience; {
		a := l.Take(t.Context(), party, limit)
		if a.Allowed {
			return a
		}
		<-time.After(max(a.Reset, time.Millisecond))
	}
	require.FailNow(t, "the window never ends")
	return domain.Allowance{}
}

func (h LimiterHarness) doesNotProlong(t *testing.T) {
	l, party := h.New(t).Node(), freshParty()
	limit := domain.Limit{Class: domain.LimitCommands, Max: 1, Window: time.Second}
	require.True(t, l.Take(t.Context(), party, limit).Allowed)
	began := time.Now()
	for !l.Take(t.Context(), party, limit).Allowed {
		require.Less(t, time.Since(began), limit.Window+patience)
	}
	require.Less(t, time.Since(began), limit.Window+time.Second, "a flood of requests does not keep itself out")
}

func (h LimiterHarness) keepsApart(t *testing.T) {
	l, id := h.New(t).Node(), uuid.NewString()
	parties := []string{
		id, "user:" + id, "addr:" + id, "}" + id, id + "}", id + "}:commands", "{" + id + "}", id + ":", id + " ", id + "*",
		id + "\r\nDEL", id + "ä", strings.ToUpper(id) + "Ä", strings.Repeat(id, 30), strings.Repeat(id, 30) + "x",
	}
	for _, party := range parties {
		for _, class := range domain.LimitClasses() {
			limit := domain.Limit{Class: class, Max: 1, Window: longWindow}
			require.True(t, l.Take(t.Context(), party, limit).Allowed, "%q %s", party, class)
		}
	}
	for _, party := range parties {
		for _, class := range domain.LimitClasses() {
			limit := domain.Limit{Class: class, Max: 1, Window: longWindow}
			require.False(t, l.Take(t.Context(), party, limit).Allowed, "%q %s", party, class)
		}
	}
}

func (h LimiterHarness) boundsMany(t *testing.T) {
	const nodes, callers, each = 4, 16, 10
	rig, limit := h.New(t), limitOf(100)
	parties := []string{freshParty(), freshParty(), freshParty()}
	allowed := make([]atomic.Int64, len(parties))
	remaining := make([]sync.Map, len(parties))
	var group sync.WaitGroup
	for range nodes {
		node := rig.Node()
		for range callers {
			group.Go(func() {
				for i := range each * len(parties) {
					which := i % len(parties)
					if a := node.Take(t.Context(), parties[which], limit); a.Allowed {
						allowed[which].Add(1)
						_, twice := remaining[which].LoadOrStore(a.Remaining, true)
						if twice {
							t.Errorf("%d remaining was told twice", a.Remaining)
						}
					}
				}
			})
		}
	}
	group.Wait()
	for which := range parties {
		require.EqualValues(t, limit.Max, allowed[which].Load())
	}
}

// isExact lets rapid choose how many nodes, parties, classes and limits there
// are and who asks when; a count in a map is the truth.
func (h LimiterHarness) isExact(t *testing.T) {
	rig := h.New(t)
	nodes := []ports.RateLimiter{rig.Node(), rig.Node(), rig.Node(), rig.Node(), rig.Node()}
	rapid.Check(t, func(r *rapid.T) {
		run := uuid.NewString()
		most := rapid.IntRange(1, 12).Draw(r, "limit")
		party := rapid.SampledFrom([]string{"a", "b", "a}", "{a", "a:commands"})
		class := rapid.SampledFrom(domain.LimitClasses()[:2])
		spent := map[string]int{}
		for range rapid.IntRange(1, 60).Draw(r, "requests") {
			who, what := run+party.Draw(r, "party"), class.Draw(r, "class")
			node := nodes[rapid.IntRange(0, len(nodes)-1).Draw(r, "node")]
			a := node.Take(t.Context(), who, domain.Limit{Class: what, Max: most, Window: longWindow})
			key := who + "\x00" + string(what)
			if want := spent[key] < most; a.Allowed != want {
				r.Fatalf("request %d of %d: allowed %v", spent[key]+1, most, a.Allowed)
			}
			spent[key]++
			if a.Allowed && a.Remaining != most-spent[key] {
				r.Fatalf("%d remaining after %d of %d", a.Remaining, spent[key], most)
			}
		}
	})
}

func (h LimiterHarness) answersTheDone(t *testing.T) {
	l := h.New(t).Node()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	party := freshParty()
	for range 10 {
		require.LessOrEqual(t, l.Take(ctx, party, limitOf(3)).Reset, longWindow)
	}
}
