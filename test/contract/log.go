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
)

// LogHarness brings an adapter of ports.NotificationLog to its suite.
type LogHarness struct {
	// New returns a log that holds at most so many notifications per user, over
	// a technology that is up; t.Cleanup ends what was started.
	New func(t testing.TB, most int) LogRig
	// Can says what the technology is able to do.
	Can LogAbilities
}

// LogAbilities says what a technology is able to do.
type LogAbilities struct {
	// Break: it can be taken away.
	Break bool
}

// LogRig is a log, who writes it, and the world around them.
type LogRig struct {
	Log       ports.NotificationLog
	Publisher ports.NotificationPublisher
	// Expire returns when the user's log has reached the end of its life.
	Expire func(user domain.UserID)
	// Break takes the technology away; with Can.Break.
	Break func()
	// Step moves the technology's clock by the time; nil where that is not possible.
	Step func(by time.Duration)
}

// NotificationLog holds an adapter to the words of ports.NotificationLog.
func NotificationLog(t *testing.T, h LogHarness) {
	t.Run("an empty log", h.empty)
	t.Run("what lies behind each position", h.since)
	t.Run("frames as they were announced", h.verbatim)
	t.Run("a position that was trimmed", h.trimmed)
	t.Run("a position that never was", h.unknown)
	t.Run("a log that expired", h.expired)
	t.Run("users are apart", h.apart)
	t.Run("large answers come in pages", h.pages)
	t.Run("what was passed", h.passed)
	t.Run("by age", h.recent)
	t.Run("while others append", h.concurrent)
	t.Run("the trace in which it was kept", h.origin)
	t.Run("positions do not depend on the clock", h.survivesClockSteps)
	t.Run("many ask for positions at once", h.lastOfMany)
	t.Run("a context that was done before", h.endsWithContext)
	if h.Can.Break {
		t.Run("away", h.away)
	}
}

// keep publishes so many notifications and returns them as the log keeps them.
func (r LogRig) keep(t testing.TB, user domain.UserID, n int) []domain.Kept {
	t.Helper()
	out := make([]domain.Kept, n)
	for i := range out {
		one := sampleNotification(user)
		got, err := r.Publisher.Publish(t.Context(), one)
		require.NoError(t, err)
		out[i] = domain.Kept{ID: domain.Position(got.ID), Frame: domain.WithID(one.Frame, got.ID)}
	}
	return out
}

func (r LogRig) since(t testing.TB, user domain.UserID, after domain.Position) domain.Replay {
	t.Helper()
	got, err := r.Log.Since(t.Context(), user, after)
	require.NoError(t, err)
	return got
}

func requireEntries(t testing.TB, want, got []domain.Kept) {
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
	require.Equal(t, domain.Start, last)
	all := r.since(t, user, domain.Start)
	require.True(t, all.Complete, "the position of an empty log is good")
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
	kept := rig.keep(t, user, 5)
	all := rig.since(t, user, domain.Start)
	require.True(t, all.Complete)
	requireEntries(t, kept, all.Entries)
	for i, k := range kept {
		got := rig.since(t, user, k.ID)
		require.True(t, got.Complete)
		require.False(t, got.More)
		require.Equal(t, kept[0].ID, got.Oldest)
		requireEntries(t, kept[i+1:], got.Entries)
	}
	last, err := rig.Log.Last(t.Context(), user)
	require.NoError(t, err)
	require.Equal(t, kept[4].ID, last)
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
		requireEntries(t, []domain.Kept{{ID: domain.Position(put.ID), Frame: domain.WithID(n.Frame, put.ID)}}, got.Entries)
	}
}

func (h LogHarness) trimmed(t *testing.T) {
	user, rig := freshUser(), h.New(t, 5)
	kept := rig.keep(t, user, 8)
	for _, k := range kept[:3] {
		got := rig.since(t, user, k.ID)
		require.False(t, got.Complete, "the entry was trimmed")
		require.Equal(t, kept[3].ID, got.Oldest)
		require.Empty(t, got.Passed)
		requireEntries(t, kept[3:], got.Entries)
	}
	require.True(t, rig.since(t, user, kept[3].ID).Complete)
	whole := rig.since(t, user, domain.Start)
	require.True(t, whole.Complete, "the beginning is always good")
	requireEntries(t, kept[3:], whole.Entries)
}

func (h LogHarness) unknown(t *testing.T) {
	user, rig := freshUser(), h.New(t, 256)
	kept := rig.keep(t, user, 3)
	for _, never := range []domain.Position{
		"0-1", "1-0", kept[1].ID + "9", "9" + kept[1].ID, "18446744073709551615-18446744073709551615",
	} {
		got := rig.since(t, user, never)
		require.False(t, got.Complete, never)
		require.Equal(t, kept[0].ID, got.Oldest)
		requireEntries(t, kept, got.Entries)
	}
}

func (h LogHarness) expired(t *testing.T) {
	user, rig := freshUser(), h.New(t, 256)
	kept := rig.keep(t, user, 3)
	rig.Expire(user)
	rig.requireEmpty(t, user, kept[2].ID)
	later := rig.keep(t, user, 1)
	got := rig.since(t, user, kept[2].ID)
	require.False(t, got.Complete)
	requireEntries(t, later, got.Entries)
}

func (h LogHarness) apart(t *testing.T) {
	base, rig := freshUser(), h.New(t, 256)
	for _, user := range []domain.UserID{base, base + ":", base + "{", base + "{}", "a{b}" + base} {
		kept := rig.keep(t, user, 2)
		requireEntries(t, kept, rig.since(t, user, domain.Start).Entries)
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
			require.Equal(t, want, rig.walk(t, user, domain.Start, len(want)))
			require.Equal(t, want, rig.walk(t, user, "1-1", len(want)), "what is left of a log whose position is gone")
		})
	}
}

// walk reads page after page, each behind the last one.
func (r LogRig) walk(t testing.TB, user domain.UserID, after domain.Position, most int) (ids []domain.Position) {
	t.Helper()
	for more := true; more; {
		got := r.since(t, user, after)
		bytes := 0
		for _, e := range got.Entries {
			ids = append(ids, e.ID)
			bytes += len(e.Frame)
		}
		more = got.More
		require.True(t, !more || len(got.Entries) > 0, "a page that promises more is not empty")
		require.LessOrEqual(t, len(got.Entries), 256)
		require.LessOrEqual(t, bytes, 1<<20+200_000)
		require.LessOrEqual(t, len(ids), most)
		after = ids[len(ids)-1]
	}
	return ids
}

func (h LogHarness) passed(t *testing.T) {
	user, rig := freshUser(), h.New(t, 256)
	kept := rig.keep(t, user, 20)
	for at := range kept {
		got := rig.since(t, user, kept[at].ID)
		var want []domain.Position
		for _, k := range kept[:at+1] {
			want = append(want, k.ID)
		}
		require.ElementsMatch(t, want, got.Passed)
	}
	require.Empty(t, rig.since(t, user, domain.Start).Passed)
}

func (h LogHarness) recent(t *testing.T) {
	user, rig := freshUser(), h.New(t, 256)
	const apart, margin = time.Second, 400 * time.Millisecond
	first := rig.keep(t, user, 2)
	<-time.After(apart)
	between := time.Now()
	second := rig.keep(t, user, 2)
	for _, c := range []struct {
		age  time.Duration
		want []domain.Kept
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

// concurrent reads while four append: what was announced before a read is part
// of it, and reading on behind the last entry finds everything once.
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
					t.Errorf("what was announced is not in the log: %v", err)
				}
			}
		})
	}
	seen := map[domain.Position]bool{}
	after, order := domain.Start, []domain.Position{}
	for deadline := time.Now().Add(patience); len(order) < writers*each && time.Now().Before(deadline); {
		for _, e := range rig.since(t, user, after).Entries {
			require.False(t, seen[e.ID], "twice: %s", e.ID)
			seen[e.ID] = true
			order, after = append(order, e.ID), e.ID
		}
	}
	group.Wait()
	var want []domain.Position
	for _, e := range rig.since(t, user, domain.Start).Entries {
		want = append(want, e.ID)
	}
	require.Equal(t, want, order)
}

func (h LogHarness) endsWithContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	h.New(t, 256).requireRetry(ctx, t)
}

func (h LogHarness) away(t *testing.T) {
	rig := h.New(t, 256)
	rig.Break()
	rig.requireRetry(t.Context(), t)
}

func (r LogRig) requireRetry(ctx context.Context, t testing.TB) {
	t.Helper()
	_, err := r.Log.Since(ctx, freshUser(), domain.Start)
	requireRetry(t, err)
	_, err = r.Log.Recent(ctx, freshUser(), time.Hour)
	requireRetry(t, err)
	_, err = r.Log.Last(ctx, freshUser())
	requireRetry(t, err)
	_, err = r.Log.Origin(ctx, freshUser(), "1-1")
	requireRetry(t, err)
}

// BenchmarkNotificationLog measures the reading of a full log of 256 entries,
// and of what is behind its last, which is what most who resume ask for.
func BenchmarkNotificationLog(b *testing.B, h LogHarness) {
	user, rig := freshUser(), h.New(b, 256)
	kept := rig.keep(b, user, 256)
	for name, c := range map[string]struct {
		after domain.Position
		want  int
	}{"all": {domain.Start, 256}, "none": {kept[255].ID, 0}} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				require.Len(b, rig.since(b, user, c.after).Entries, c.want)
			}
		})
	}
}
