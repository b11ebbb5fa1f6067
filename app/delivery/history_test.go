package delivery

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
)

// fixedLog is a log that always returns this page.
type fixedLog struct {
	page   domain.Replay
	err    error
	origin context.Context // of every entry; nil: the caller's
}

func (l fixedLog) Since(context.Context, domain.UserID, domain.Position) (domain.Replay, error) {
	return l.page, l.err
}

func (l fixedLog) Recent(context.Context, domain.UserID, time.Duration) (domain.Replay, error) {
	return l.page, l.err
}

func (l fixedLog) Last(context.Context, domain.UserID) (domain.Position, error) {
	return domain.PositionStart, l.err
}

func (l fixedLog) Origin(ctx context.Context, _ domain.UserID, _ domain.Position) (context.Context, error) {
	if l.origin != nil {
		return l.origin, l.err
	}
	return ctx, l.err
}

func TestResumeAnnouncesWhatIsMissing(t *testing.T) {
	for name, want := range map[string]struct {
		page  domain.Replay
		first string
		at    domain.Position
	}{
		"complete":     {domain.Replay{Complete: true}, "", "7-1"},
		"trimmed":      {domain.Replay{Oldest: "7-5"}, `{"event":"replay_incomplete","data":{"last_event_id":"7-1","oldest_available":"7-5"}}`, ""},
		"nothing left": {domain.Replay{}, `{"event":"replay_incomplete","data":{"last_event_id":"7-1","oldest_available":null}}`, ""},
	} {
		h := newTestHub(testConfig())
		h.parts.History = fixedLog{page: want.page}
		first, at, _, err := h.resume(t.Context(), "u1", "7-1")
		require.NoError(t, err)
		require.Equal(t, want.first, string(first), name)
		require.Equal(t, want.at, at, name)
	}
}

// openAt opens a session that resumes at a position of the log.
func openAt(t *testing.T, h *testHub, from domain.Position) (*Session, *fakeConnection, error) {
	t.Helper()
	conn := newFakeConnection()
	require.True(t, h.Enter())
	s, err := h.Open(t.Context(), SessionRequest{User: "u1", ID: "s1", From: from, Conn: conn})
	conn.session = s
	return s, conn, err
}

func TestOpenQueuesTheFirstPage(t *testing.T) {
	h := newTestHub(testConfig())
	h.parts.History = fixedLog{page: domain.Replay{Complete: true, Entries: []domain.LogEntry{{ID: "7-1", Frame: []byte("entry")}}}}
	s, conn, err := openAt(t, h, "7-0")
	require.NoError(t, err)
	s.Attach()
	require.Equal(t, []string{"entry"}, conn.messages())
	h.end(s)

	h.parts.History = fixedLog{err: errUnreadable}
	_, _, err = openAt(t, h, "7-0")
	require.ErrorIs(t, err, errUnreadable)
	h.Leave()
}

func TestTrimmedLogEndsAReplay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTestHub(testConfig())
		h.parts.History = fixedLog{page: domain.Replay{Complete: true, More: true}}
		s, conn, err := openAt(t, h, "7-0")
		require.NoError(t, err)
		h.parts.History = fixedLog{}
		s.Attach()
		require.ErrorIs(t, <-conn.closed, ErrSlowConsumer)
		h.end(s)
	})
}
