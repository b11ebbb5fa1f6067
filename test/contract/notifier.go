package contract

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// NotifierHarness configures the suite for an adapter of ports.NotificationPublisher.
type NotifierHarness struct {
	// New returns publishers of two processes and the listener of one of them, on a
	// running technology. t.Cleanup must stop all.
	New func(t testing.TB) NotifierRig
	// Outage is set if the harness can start and end an outage without data loss.
	Outage bool
}

// NotifierRig is two publishers and a listener on one technology.
type NotifierRig struct {
	Publisher, Other ports.NotificationPublisher
	Listener         ports.MessageListener
	// StartOutage starts an outage and EndOutage ends it. Both are set if the harness has Outage.
	StartOutage, EndOutage func()
}

// NotificationPublisher tests an adapter against the comments of
// ports.NotificationPublisher.
func NotificationPublisher(t *testing.T, h NotifierHarness) {
	t.Run("publishes the frame with its id", h.announces)
	t.Run("publishes a repeated event once", h.repeats)
	t.Run("publishes once per event and user", h.separatesUsers)
	t.Run("accepts any event id", h.takesAnyEventID)
	t.Run("separates the keys of users", h.keepsKeysApart)
	t.Run("exactly one of many concurrent publishes is first", h.countsOnce)
	t.Run("publishes in the order of increasing ids", h.keepsOrder)
	t.Run("rejects a frame that cannot carry an id", h.refusesFrames)
	t.Run("sends no control request to clients", h.hidesControlRequests)
	t.Run("returns an error for a cancelled context", h.endsWithContext)
	if h.Outage {
		t.Run("outage: a retry can succeed and is detected as a duplicate", h.survivesOutage)
	}
}

func (h NotifierHarness) start(t testing.TB, users ...domain.UserID) (NotifierRig, *recordingHandler) {
	t.Helper()
	rig, e := h.New(t), newRecordingHandler()
	runListener(t, rig.Listener, e)
	for _, user := range users {
		require.NoError(t, rig.Listener.Follow(t.Context(), user))
	}
	return rig, e
}

func (h NotifierHarness) announces(t *testing.T) {
	user := freshUser()
	rig, e := h.start(t, user)
	frames := []string{
		`{"event":"e","data":{"text":"żółw \u0000 \"quoted\" \\ %d %s {}"}}`, `{"a":1}`,
		`{"event":"big","data":"` + strings.Repeat("x", 200_000) + `"}`,
	}
	for i, frame := range frames {
		n := sampleNotification(user)
		n.Frame = []byte(frame)
		got, err := rig.Publisher.Publish(t.Context(), n)
		require.NoError(t, err)
		require.False(t, got.Duplicate)
		require.Equal(t, frame, string(n.Frame), "the frame must not change")
		require.Equal(t, string(domain.WithID(n.Frame, got.ID)), e.awaitMessages(t, user, i+1)[i])
	}
}

func (h NotifierHarness) repeats(t *testing.T) {
	user := freshUser()
	rig, e := h.start(t, user)
	n := sampleNotification(user)
	first, err := rig.Publisher.Publish(t.Context(), n)
	require.NoError(t, err)
	require.False(t, first.Duplicate)
	for _, p := range []ports.NotificationPublisher{rig.Publisher, rig.Other} {
		n.Frame = []byte(`{"event":"changed"}`)
		again, err := p.Publish(t.Context(), n)
		require.NoError(t, err)
		require.Equal(t, domain.PublishResult{ID: first.ID, Duplicate: true}, again)
	}
	last, err := rig.Other.Publish(t.Context(), sampleNotification(user))
	require.NoError(t, err)
	got := e.awaitMessages(t, user, 2)
	require.Len(t, got, 2, "a repeated event must not be published")
	require.Contains(t, got[1], last.ID)
}

func (h NotifierHarness) separatesUsers(t *testing.T) {
	one, two := freshUser(), freshUser()
	rig, e := h.start(t, one, two)
	n := sampleNotification(one)
	for _, n.User = range []domain.UserID{one, two} {
		got, err := rig.Publisher.Publish(t.Context(), n)
		require.NoError(t, err)
		require.False(t, got.Duplicate)
		require.Len(t, e.awaitMessages(t, n.User, 1), 1)
	}
}

func (h NotifierHarness) takesAnyEventID(t *testing.T) {
	user := freshUser()
	rig, e := h.start(t, user)
	events := []string{
		"", " ", "a", "A", "a ", "a:b", "{a}", "}", "a\x00b", "a\r\nDEL *", "żółw", "\xff\xfe", "*", "0-0",
		strings.Repeat("x", 128), strings.Repeat("x", 129), strings.Repeat("x", 100_000), strings.Repeat("x", 100_001),
		"sha256:" + strings.Repeat("0", 64),
	}
	for i, event := range events {
		n := sampleNotification(user)
		n.EventID = event
		first, err := rig.Publisher.Publish(t.Context(), n)
		require.NoError(t, err)
		require.False(t, first.Duplicate, "event %.20q", event)
		again, err := rig.Publisher.Publish(t.Context(), n)
		require.NoError(t, err)
		require.Equal(t, domain.PublishResult{ID: first.ID, Duplicate: true}, again, "event %.20q", event)
		require.Len(t, e.awaitMessages(t, user, i+1), i+1)
	}
}

func (h NotifierHarness) keepsKeysApart(t *testing.T) {
	base := freshUser()
	pairs := []domain.Notification{
		{User: base, EventID: "x}:y"},
		{User: base + "}:x", EventID: "y"},
		{User: base + "{", EventID: "y"},
		{User: base + "{}", EventID: "y"},
		{User: base + ":", EventID: "y"},
	}
	rig, _ := h.start(t)
	for _, n := range pairs {
		n.Frame = []byte(`{"event":"e"}`)
		got, err := rig.Publisher.Publish(t.Context(), n)
		require.NoError(t, err)
		require.False(t, got.Duplicate, "%s %s", n.User, n.EventID)
	}
}

func (h NotifierHarness) countsOnce(t *testing.T) {
	user := freshUser()
	rig, e := h.start(t, user)
	n := sampleNotification(user)
	const callers = 50
	answers := make(chan domain.PublishResult, callers)
	var group sync.WaitGroup
	for i := range callers {
		p := rig.Publisher
		if i%2 == 1 {
			p = rig.Other
		}
		group.Go(func() {
			got, err := p.Publish(context.Background(), n)
			if err != nil {
				t.Errorf("publish: %v", err)
			}
			answers <- got
		})
	}
	group.Wait()
	close(answers)
	first, ids := 0, map[string]bool{}
	for got := range answers {
		ids[got.ID] = true
		if !got.Duplicate {
			first++
		}
	}
	require.Equal(t, 1, first)
	require.Len(t, ids, 1)
	_, err := rig.Publisher.Publish(t.Context(), sampleNotification(user))
	require.NoError(t, err)
	require.Len(t, e.awaitMessages(t, user, 2), 2)
}

func (h NotifierHarness) keepsOrder(t *testing.T) {
	user := freshUser()
	rig, e := h.start(t, user)
	const callers = 200
	var group sync.WaitGroup
	for range callers {
		group.Go(func() {
			if _, err := rig.Publisher.Publish(context.Background(), sampleNotification(user)); err != nil {
				t.Errorf("publish: %v", err)
			}
		})
	}
	group.Wait()
	id := regexp.MustCompile(`,"id":"(\d+)-(\d+)"}$`)
	lastMs, lastSeq := -1, -1
	for _, frame := range e.awaitMessages(t, user, callers) {
		parts := id.FindStringSubmatch(frame)
		require.Len(t, parts, 3, frame)
		ms, _ := strconv.Atoi(parts[1])
		seq, _ := strconv.Atoi(parts[2])
		require.True(t, ms > lastMs || ms == lastMs && seq > lastSeq, "%s after %d-%d", parts[0], lastMs, lastSeq)
		lastMs, lastSeq = ms, seq
	}
}

func (h NotifierHarness) refusesFrames(t *testing.T) {
	rig, _ := h.start(t)
	for _, frame := range []string{"", "{}", "[]", "null", `"text"`, `{"event":"e"`} {
		n := sampleNotification(freshUser())
		n.Frame = []byte(frame)
		_, err := rig.Publisher.Publish(t.Context(), n)
		requireFailure(t, err, domain.ProcessingError)
		require.False(t, domain.Retryable(err))
	}
}

// hidesControlRequests checks that Control publishes no message to the user's connections.
func (h NotifierHarness) hidesControlRequests(t *testing.T) {
	user := freshUser()
	rig, e := h.start(t, user)
	for range 3 {
		require.NoError(t, rig.Publisher.Control(t.Context(), user))
		require.NoError(t, rig.Other.Control(t.Context(), user+"{}:"))
	}
	n := sampleNotification(user)
	got, err := rig.Publisher.Publish(t.Context(), n)
	require.NoError(t, err)
	require.Equal(t, []string{string(domain.WithID(n.Frame, got.ID))}, e.awaitMessages(t, user, 1), "only the notification")
	ctx := cancelled(t)
	requireRetry(t, rig.Publisher.Control(ctx, user))
}

func (h NotifierHarness) endsWithContext(t *testing.T) {
	rig, _ := h.start(t)
	ctx := cancelled(t)
	_, err := rig.Publisher.Publish(ctx, sampleNotification(freshUser()))
	requireRetry(t, err)
}

func (h NotifierHarness) survivesOutage(t *testing.T) {
	user := freshUser()
	rig, e := h.start(t, user)
	before, after := sampleNotification(user), sampleNotification(user)
	stored, err := rig.Publisher.Publish(t.Context(), before)
	require.NoError(t, err)
	e.awaitMessages(t, user, 1)

	rig.StartOutage()
	for _, n := range []domain.Notification{before, after} {
		_, err = rig.Publisher.Publish(t.Context(), n)
		requireRetry(t, err)
	}
	rig.EndOutage()
	e.awaitGaps(t, user)
	var got domain.PublishResult
	require.Eventually(t, func() bool {
		got, err = rig.Publisher.Publish(t.Context(), after)
		return err == nil
	}, waitLimit, 20*time.Millisecond)
	require.False(t, got.Duplicate, "a failed publish must not be stored")
	again, err := rig.Publisher.Publish(t.Context(), before)
	require.NoError(t, err)
	require.Equal(t, domain.PublishResult{ID: stored.ID, Duplicate: true}, again)
	require.Len(t, e.awaitMessages(t, user, 2), 2)
}

// requireRetry requires a retryable error with one of the port's codes.
func requireRetry(t testing.TB, err error) {
	t.Helper()
	require.Contains(t, []domain.Code{domain.ConnectionError, domain.Timeout, domain.ServiceUnavailable}, domain.CodeOf(err), "%v", err)
	require.True(t, domain.Retryable(err))
}

func sampleNotification(user domain.UserID) domain.Notification {
	return domain.Notification{
		EventID: uuid.NewString(), User: user,
		Frame: fmt.Appendf(nil, `{"event":"batch_results_ready","data":{"batch_id":%q,"priority":"high"}}`, uuid.NewString()),
	}
}
