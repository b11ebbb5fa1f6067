package contract

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
	"github.com/huleedu/edge/test/pause"
)

// LogHarness configures the suite for an adapter of ports.NotificationLog.
type LogHarness struct {
	// New returns a log that stores at most that many notifications per user, on a
	// running technology. t.Cleanup must stop both.
	New func(t testing.TB, most int) LogRig
	// Outage is set if the harness can start an outage.
	Outage bool
}

// LogRig is a log, its publisher and its technology.
type LogRig struct {
	Log       ports.NotificationLog
	Publisher ports.NotificationPublisher
	// Expire expires the user's log and returns afterwards.
	Expire func(user domain.UserID)
	// StartOutage starts an outage. It is set if the harness has Outage.
	StartOutage func()
	// Step moves the clock of the technology by the given time. It is nil if that is not possible.
	Step func(by time.Duration)
}

// NotificationLog tests an adapter against the comments of ports.NotificationLog.
func NotificationLog(t *testing.T, h LogHarness) {
	t.Run("empty log", h.empty)
	t.Run("returns the entries after a position", h.since)
	t.Run("returns frames as published", h.verbatim)
	t.Run("trimmed position", h.trimmed)
	t.Run("unknown position", h.unknown)
	t.Run("expired log", h.expired)
	t.Run("separates users", h.apart)
	t.Run("splits large results into pages", h.pages)
	t.Run("returns the passed positions", h.passed)
	t.Run("returns entries by age", h.recent)
	t.Run("reads while others append", h.concurrent)
	t.Run("returns the trace of an entry", h.origin)
	t.Run("positions do not depend on the clock", h.survivesClockSteps)
	t.Run("returns the last positions of concurrent callers", h.lastOfMany)
	t.Run("returns an error for a cancelled context", h.endsWithContext)
	if h.Outage {
		t.Run("outage: every call returns an error", h.failsDuringOutage)
	}
}

// publish publishes n notifications and returns the expected log entries.
func (r LogRig) publish(t testing.TB, user domain.UserID, n int) []domain.LogEntry {
	t.Helper()
	out := make([]domain.LogEntry, n)
	for i := range out {
		one := sampleNotification(user)
		got, err := r.Publisher.Publish(t.Context(), one)
		require.NoError(t, err)
		out[i] = domain.LogEntry{ID: domain.Position(got.ID), Frame: domain.WithID(one.Frame, got.ID)}
	}
	return out
}

func (r LogRig) since(t testing.TB, user domain.UserID, after domain.Position) domain.Replay {
	t.Helper()
	got, err := r.Log.Since(t.Context(), user, after)
	require.NoError(t, err)
	return got
}

func requireEntries(t testing.TB, want, got []domain.LogEntry) {
	t.Helper()
	require.Len(t, got, len(want))
	for i := range want {
		require.Equal(t, want[i].ID, got[i].ID)
		require.Equal(t, string(want[i].Frame), string(got[i].Frame))
	}
}

func (r LogRig) requireEmpty(t testing.TB, user domain.UserID, gone domain.Position) {
	t.Helper()
	last, err := r.Log.Last(t.Context(), user)
	require.NoError(t, err)
	require.Equal(t, domain.PositionStart, last)
	all := r.since(t, user, domain.PositionStart)
	require.True(t, all.Complete, "the start position is valid in an empty log")
	require.False(t, all.More)
	require.Empty(t, all.Oldest)
	require.Empty(t, all.Entries)
	lost := r.since(t, user, gone)
	require.False(t, lost.Complete)
	require.Empty(t, lost.Oldest)
	require.Empty(t, lost.Entries)
	recent, err := r.Log.Recent(t.Context(), user, time.Hour)
	require.NoError(t, err)
	require.True(t, recent.Complete)
	require.Empty(t, recent.Entries)
}

func (h LogHarness) empty(t *testing.T) {
	h.New(t, 256).requireEmpty(t, freshUser(), "1-1")
}

func (h LogHarness) since(t *testing.T) {
	user, rig := freshUser(), h.New(t, 256)
	stored := rig.publish(t, user, 5)
	all := rig.since(t, user, domain.PositionStart)
	require.True(t, all.Complete)
	requireEntries(t, stored, all.Entries)
	for i, k := range stored {
		got := rig.since(t, user, k.ID)
		require.True(t, got.Complete)
		require.False(t, got.More)
		require.Equal(t, stored[0].ID, got.Oldest)
		requireEntries(t, stored[i+1:], got.Entries)
	}
	last, err := rig.Log.Last(t.Context(), user)
	require.NoError(t, err)
	require.Equal(t, stored[4].ID, last)
}

func (h LogHarness) verbatim(t *testing.T) {
	user, rig := freshUser(), h.New(t, 256)
	for _, frame := range []string{`{"a":1}`, `{"event":"e","data":{"text":"żółw \u0000 \"quoted\" \\ %d %s {}\r\n"}}`, "{\"raw\":\"\x00\"}"} {
		n := sampleNotification(user)
		n.Frame = []byte(frame)
		before, err := rig.Log.Last(t.Context(), user)
		require.NoError(t, err)
		put, err := rig.Publisher.Publish(t.Context(), n)
		require.NoError(t, err)
		got := rig.since(t, user, before)
		requireEntries(t, []domain.LogEntry{{ID: domain.Position(put.ID), Frame: domain.WithID(n.Frame, put.ID)}}, got.Entries)
	}
}

func (h LogHarness) trimmed(t *testing.T) {
	user, rig := freshUser(), h.New(t, 5)
	stored := rig.publish(t, user, 8)
	for _, k := range stored[:3] {
		got := rig.since(t, user, k.ID)
		require.False(t, got.Complete, "the entry was trimmed")
		require.Equal(t, stored[3].ID, got.Oldest)
		require.Empty(t, got.Preceding)
		requireEntries(t, stored[3:], got.Entries)
	}
	require.True(t, rig.since(t, user, stored[3].ID).Complete)
	whole := rig.since(t, user, domain.PositionStart)
	require.True(t, whole.Complete, "the start position is always valid")
	requireEntries(t, stored[3:], whole.Entries)
}

func (h LogHarness) unknown(t *testing.T) {
	user, rig := freshUser(), h.New(t, 256)
	stored := rig.publish(t, user, 3)
	for _, never := range []domain.Position{
		"0-1", "1-0", stored[1].ID + "9", "9" + stored[1].ID, "18446744073709551615-18446744073709551615",
	} {
		got := rig.since(t, user, never)
		require.False(t, got.Complete, never)
		require.Equal(t, stored[0].ID, got.Oldest)
		requireEntries(t, stored, got.Entries)
	}
}

func (h LogHarness) expired(t *testing.T) {
	user, rig := freshUser(), h.New(t, 256)
	stored := rig.publish(t, user, 3)
	rig.Expire(user)
	rig.requireEmpty(t, user, stored[2].ID)
	later := rig.publish(t, user, 1)
	got := rig.since(t, user, stored[2].ID)
	require.False(t, got.Complete)
	requireEntries(t, later, got.Entries)
}

func (h LogHarness) apart(t *testing.T) {
	base, rig := freshUser(), h.New(t, 256)
	for _, user := range []domain.UserID{base, base + ":", base + "{", base + "{}", "a{b}" + base} {
		stored := rig.publish(t, user, 2)
		requireEntries(t, stored, rig.since(t, user, domain.PositionStart).Entries)
	}
}

func (h LogHarness) pages(t *testing.T) {
	rig := h.New(t, 1000)
	for name, size := range map[string]int{"many": 10, "large": 100_000} {
		t.Run(name, func(t *testing.T) {
			user := freshUser()
			var want []domain.Position
			for i := range 600 / min(size, 20) {
				n := domain.Notification{User: user, EventID: uuid.NewString()}
				n.Frame = fmt.Appendf(nil, `{"n":%d,"text":%q}`, i, strings.Repeat("x", size))
				got, err := rig.Publisher.Publish(t.Context(), n)
				require.NoError(t, err)
				want = append(want, domain.Position(got.ID))
			}
			require.Equal(t, want, rig.readAllPages(t, user, domain.PositionStart, len(want)))
			require.Equal(t, want, rig.readAllPages(t, user, "1-1", len(want)), "the remaining entries after an unknown position")
		})
	}
}

// readAllPages reads all pages from a position and returns the ids.
func (r LogRig) readAllPages(t testing.TB, user domain.UserID, after domain.Position, most int) (ids []domain.Position) {
	t.Helper()
	for more := true; more; {
		got := r.since(t, user, after)
		bytes := 0
		for _, e := range got.Entries {
			ids = append(ids, e.ID)
			bytes += len(e.Frame)
		}
		more = got.More
		require.True(t, !more || len(got.Entries) > 0, "a page with More must not be empty")
		require.LessOrEqual(t, len(got.Entries), 256)
		require.LessOrEqual(t, bytes, 1<<20+200_000)
		require.LessOrEqual(t, len(ids), most)
		after = ids[len(ids)-1]
	}
	return ids
}

func (h LogHarness) passed(t *testing.T) {
	user, rig := freshUser(), h.New(t, 256)
	stored := rig.publish(t, user, 20)
	for at := range stored {
		got := rig.since(t, user, stored[at].ID)
		var want []domain.Position
		for _, k := range stored[:at+1] {
			want = append(want, k.ID)
		}
		require.ElementsMatch(t, want, got.Preceding)
	}
	require.Empty(t, rig.since(t, user, domain.PositionStart).Preceding)
}

func (h LogHarness) recent(t *testing.T) {
	user, rig := freshUser(), h.New(t, 256)
	const apart, margin = time.Second, 400 * time.Millisecond
	first := rig.publish(t, user, 2)
	pause.For(apart, "two entries must differ in age by the clock of a real server")
	between := time.Now()
	second := rig.publish(t, user, 2)
	for _, c := range []struct {
		age  time.Duration
		want []domain.LogEntry
	}{
		{time.Since(between) + margin, second},
		{time.Hour, append(first, second...)},
		{100 * 365 * 24 * time.Hour, append(first, second...)},
	} {
		got, err := rig.Log.Recent(t.Context(), user, c.age)
		require.NoError(t, err)
		require.True(t, got.Complete)
		require.Equal(t, first[0].ID, got.Oldest)
		requireEntries(t, c.want, got.Entries)
	}
}

// concurrent reads while four publishers append. An entry must be visible to every
// read after its publish, and reading page after page must return each entry once.
func (h LogHarness) concurrent(t *testing.T) {
	user, rig := freshUser(), h.New(t, 1000)
	const writers, each = 4, 50
	var group sync.WaitGroup
	for range writers {
		group.Go(func() {
			for range each {
				got, err := rig.Publisher.Publish(context.Background(), sampleNotification(user))
				if err != nil {
					t.Errorf("publish: %v", err)
					return
				}
				replay, err := rig.Log.Since(context.Background(), user, domain.Position(got.ID))
				if err != nil || !replay.Complete {
					t.Errorf("a published entry is missing: %v", err)
				}
			}
		})
	}
	seen := map[domain.Position]bool{}
	after, order := domain.PositionStart, []domain.Position{}
	for deadline := time.Now().Add(waitLimit); len(order) < writers*each && time.Now().Before(deadline); {
		for _, e := range rig.since(t, user, after).Entries {
			require.False(t, seen[e.ID], "entry returned twice: %s", e.ID)
			seen[e.ID] = true
			order, after = append(order, e.ID), e.ID
		}
	}
	group.Wait()
	var want []domain.Position
	for _, e := range rig.since(t, user, domain.PositionStart).Entries {
		want = append(want, e.ID)
	}
	require.Equal(t, want, order)
}

func (h LogHarness) endsWithContext(t *testing.T) {
	ctx := cancelled(t)
	h.New(t, 256).requireRetry(ctx, t)
}

func (h LogHarness) failsDuringOutage(t *testing.T) {
	rig := h.New(t, 256)
	rig.StartOutage()
	rig.requireRetry(t.Context(), t)
}

func (r LogRig) requireRetry(ctx context.Context, t testing.TB) {
	t.Helper()
	_, err := r.Log.Since(ctx, freshUser(), domain.PositionStart)
	requireRetry(t, err)
	_, err = r.Log.Recent(ctx, freshUser(), time.Hour)
	requireRetry(t, err)
	_, err = r.Log.Last(ctx, freshUser())
	requireRetry(t, err)
	_, err = r.Log.Origin(ctx, freshUser(), "1-1")
	requireRetry(t, err)
}
