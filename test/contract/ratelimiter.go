package contract

import (
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
	"github.com/huleedu/edge/test/pause"
)

// LimiterHarness configures the suite for an adapter of ports.RateLimiter.
type LimiterHarness struct {
	// New returns nodes that count together. t.Cleanup must stop them.
	New func(t testing.TB) LimiterRig
	// Outage is set if the harness can start and end an outage.
	Outage bool
}

// LimiterRig is the limiter of several nodes and its technology.
type LimiterRig struct {
	// Node returns the limiter of another node.
	Node func() ports.RateLimiter
	// StartOutage starts an outage and EndOutage ends it; both return afterwards. AwaitDegraded returns
	// when all nodes have detected the outage or its end.
	StartOutage, EndOutage func()
	AwaitDegraded          func(degraded bool)
}

// longWindow is longer than a test.
const longWindow = time.Minute

func limitOf(most int) domain.Limit {
	return domain.Limit{Class: domain.LimitQueries, Max: most, Window: longWindow}
}

func freshParty() string { return "user:" + string(freshUser()) }

// RateLimiter tests an adapter against the comments of ports.RateLimiter.
func RateLimiter(t *testing.T, h LimiterHarness) {
	t.Run("allows the limit per window", h.allowsTheLimit)
	t.Run("starts the next window with the first request after the previous window", h.startsNextWindow)
	t.Run("a rejected request does not extend the window", h.doesNotExtendTheWindow)
	t.Run("counts parties and classes separately", h.separatesPartiesAndClasses)
	t.Run("allows exactly the limit of concurrent requests on several nodes", h.allowsExactlyTheLimitOnNodes)
	t.Run("allows exactly the limit for random requests", h.allowsExactlyTheLimitForRandomRequests)
	t.Run("decides for a cancelled context", h.decidesForCancelledContext)
	if h.Outage {
		t.Run("outage: each node decides alone without delay", h.decidesPerNodeDuringOutage)
		t.Run("after an outage the nodes count together", h.countsTogetherAfterOutage)
	}
}

func (h LimiterHarness) allowsTheLimit(t *testing.T) {
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
	require.Greater(t, reset, window-waitLimit)
}

func (h LimiterHarness) startsNextWindow(t *testing.T) {
	l, party := h.New(t).Node(), freshParty()
	limit := domain.Limit{Class: domain.LimitCommands, Max: 2, Window: time.Second}
	startedAt := time.Now()
	for range 2 {
		require.True(t, l.Take(t.Context(), party, limit).Allowed)
	}
	require.False(t, l.Take(t.Context(), party, limit).Allowed)
	require.Equal(t, 1, awaitAllowed(t, l, party, limit).Remaining, "the new window must have the full limit")
	require.GreaterOrEqual(t, time.Since(startedAt), limit.Window-windowSlack, "the old window must have its full length")
}

// windowSlack is how much too early a window may end: the resolution of the embedded
// Redis clock.
const windowSlack = 150 * time.Millisecond

// awaitAllowed repeats the request after Reset until it is allowed.
func awaitAllowed(t *testing.T, l ports.RateLimiter, party string, limit domain.Limit) domain.RateDecision {
	t.Helper()
	for startedAt := time.Now(); time.Since(startedAt) < waitLimit; {
		a := l.Take(t.Context(), party, limit)
		if a.Allowed {
			return a
		}
		pause.For(max(a.Reset, time.Millisecond), "the window ends by the clock of a real server")
	}
	require.FailNow(t, "the window did not end")
	return domain.RateDecision{}
}

func (h LimiterHarness) doesNotExtendTheWindow(t *testing.T) {
	l, party := h.New(t).Node(), freshParty()
	limit := domain.Limit{Class: domain.LimitCommands, Max: 1, Window: time.Second}
	require.True(t, l.Take(t.Context(), party, limit).Allowed)
	startedAt := time.Now()
	for !l.Take(t.Context(), party, limit).Allowed {
		require.Less(t, time.Since(startedAt), limit.Window+waitLimit)
	}
	require.Less(t, time.Since(startedAt), limit.Window+time.Second, "rejected requests must not extend the window")
}

func (h LimiterHarness) separatesPartiesAndClasses(t *testing.T) {
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

func (h LimiterHarness) allowsExactlyTheLimitOnNodes(t *testing.T) {
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
							t.Errorf("two requests got remaining %d", a.Remaining)
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

// allowsExactlyTheLimitForRandomRequests lets rapid choose nodes, parties, classes and limits, and compares each
// decision with a count in a map.
func (h LimiterHarness) allowsExactlyTheLimitForRandomRequests(t *testing.T) {
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

func (h LimiterHarness) decidesForCancelledContext(t *testing.T) {
	l := h.New(t).Node()
	ctx := cancelled(t)
	party := freshParty()
	for range 10 {
		require.LessOrEqual(t, l.Take(ctx, party, limitOf(3)).Reset, longWindow)
	}
}
