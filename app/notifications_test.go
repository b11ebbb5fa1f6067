package app_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/memory"
	"github.com/huleedu/edge/app"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// recordingPublisher is a NotificationPublisher that records notifications, or fails.
type recordingPublisher struct {
	published []domain.Notification
	duplicate bool // of every notification
	err       error
}

func (o *recordingPublisher) Publish(_ context.Context, n domain.Notification) (domain.PublishResult, error) {
	if o.err != nil {
		return domain.PublishResult{}, o.err
	}
	o.published = append(o.published, n)
	return domain.PublishResult{ID: fmt.Sprintf("%d-0", len(o.published)), Duplicate: o.duplicate}, nil
}

// Control fails as Publish does.
func (o *recordingPublisher) Control(context.Context, domain.UserID) error { return o.err }

// recordingManager is a ConnectionManager that records messages.
type recordingManager struct {
	sent            []domain.Message
	closed, checked []domain.UserID
}

func (s *recordingManager) Send(m domain.Message) int {
	s.sent = append(s.sent, m)
	return 1
}

// CloseUser expects the reason of an operator.
func (s *recordingManager) CloseUser(user domain.UserID, reason error) int {
	if domain.CodeOf(reason) == domain.AuthorizationError {
		s.closed = append(s.closed, user)
	}
	return 1
}

func (s *recordingManager) Total() int                  { return 0 }
func (s *recordingManager) Drain(context.Context) error { return nil }

// checkingManager is a manager that can check its connections.
type checkingManager struct{ *recordingManager }

func (s checkingManager) Check(user domain.UserID) { s.checked = append(s.checked, user) }

// fixture is the use-case between a publisher and two managers.
type fixture struct {
	*app.Notifications
	out      *recordingPublisher
	managers [2]*recordingManager
	facts    *memory.Facts
}

func newFixture(announce app.AnnounceGaps) fixture {
	d := fixture{out: &recordingPublisher{}, managers: [2]*recordingManager{{}, {}}, facts: &memory.Facts{}}
	d.Notifications = app.NewNotifications(app.NotificationConfig{Topic: domain.NotificationTopic, AnnounceGaps: announce},
		d.out, []ports.ConnectionManager{d.managers[0], d.managers[1]}, d.facts)
	return d
}

// event wraps data in an envelope of the notification topic.
func event(data string) domain.Envelope {
	return domain.Envelope{EventID: "e1", EventType: string(domain.NotificationTopic), Data: json.RawMessage(data)}
}

// least are the required members of a notification, without the payload.
const least = `"teacher_id":"t1","notification_type":"x","category":"batch_progress","priority":"low"`

func TestAcceptPublishesTheFrame(t *testing.T) {
	d := newFixture(true)
	result, err := d.Accept(context.Background(), event(`{"teacher_id":"t1","notification_type":"a<b","category":"system_alerts",
		"priority":"critical","payload":{"z":1.0,"a":{"deep": [1 ,2]}},"action_required":true,"deadline_timestamp":"2026-01-02T03:04:05",
		"batch_id":"b1","class_id":null,"correlation_id":"c","timestamp":"2026-01-02T03:04:05Z","unknown":[]}`))
	require.NoError(t, err)
	require.Equal(t, domain.PublishResult{ID: "1-0"}, result)
	require.Equal(t, []domain.Notification{{EventID: "e1", User: "t1", Frame: []byte(
		`{"event":"a<b","data":{"z":1.0,"a":{"deep": [1 ,2]},"category":"system_alerts","priority":"critical","action_required":true,` +
			`"deadline":"2026-01-02T03:04:05","batch_id":"b1","class_id":null,"correlation_id":"c","timestamp":"2026-01-02T03:04:05+00:00"}}`)}}, d.out.published)
}

// TestTimesInUTCHaveAnOffset checks that timestamp and deadline in UTC get a numeric offset, and
// that other zones, times without a zone and times in the payload do not change.
func TestTimesInUTCHaveAnOffset(t *testing.T) {
	for given, want := range map[string]string{
		"2026-01-02T03:04:05Z": "2026-01-02T03:04:05+00:00", "2026-01-02T03:04:05.678901Z": "2026-01-02T03:04:05.678901+00:00",
		"2026-01-02 03:04:05Z": "2026-01-02 03:04:05+00:00", "2026-01-02T03:04:05+00:00": "2026-01-02T03:04:05+00:00",
		"2026-01-02T03:04:05+02:00": "2026-01-02T03:04:05+02:00", "2026-01-02T03:04:05.5": "2026-01-02T03:04:05.5",
		"2026-01-02 03:04:05.5": "2026-01-02 03:04:05.5",
	} {
		d := newFixture(true)
		_, err := d.Accept(context.Background(), event(`{`+least+`,"payload":{"at":"2026-01-02T03:04:05Z"},"timestamp":"`+given+`","deadline_timestamp":"`+given+`"}`))
		require.NoError(t, err, given)
		frame := string(d.out.published[0].Frame)
		require.Contains(t, frame, `"timestamp":"`+want+`"`)
		require.Contains(t, frame, `"deadline":"`+want+`"`)
		require.Contains(t, frame, `"at":"2026-01-02T03:04:05Z"`)
	}
	d := newFixture(true)
	_, err := d.Accept(context.Background(), event(`{`+least+`,"payload":{}}`))
	require.NoError(t, err)
	require.Regexp(t, `"timestamp":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00"`, string(d.out.published[0].Frame))
}

func TestAcceptSetsDefaults(t *testing.T) {
	d := newFixture(true)
	_, err := d.Accept(context.Background(), event(`{`+least+`,"payload":{}}`))
	require.NoError(t, err)
	var frame struct {
		Event string
		Data  map[string]any
	}
	require.NoError(t, json.Unmarshal(d.out.published[0].Frame, &frame))
	stamp, ok := frame.Data["timestamp"].(string)
	require.True(t, ok)
	at, err := time.Parse(time.RFC3339Nano, stamp)
	require.NoError(t, err)
	require.WithinDuration(t, time.Now(), at, time.Minute)
	delete(frame.Data, "timestamp")
	require.Equal(t, map[string]any{
		"category": "batch_progress", "priority": "low", "action_required": false,
		"deadline": nil, "batch_id": nil, "class_id": nil, "correlation_id": nil,
	}, frame.Data)
}

func TestIDsThatEndAsTimesInUTCStayAsTheyAre(t *testing.T) {
	d := newFixture(true)
	_, err := d.Accept(context.Background(), event(`{`+least+`,"payload":{},"batch_id":"7-Z","class_id":"8-Z","correlation_id":"9-Z"}`))
	require.NoError(t, err)
	for _, member := range []string{`"batch_id":"7-Z"`, `"class_id":"8-Z"`, `"correlation_id":"9-Z"`} {
		require.Contains(t, string(d.out.published[0].Frame), member)
	}
}

func TestReservedMembersReplacePayloadMembersUnlessNull(t *testing.T) {
	d := newFixture(true)
	_, err := d.Accept(context.Background(), event(`{`+least+`,"payload":{"batch_id":"mine","priority":"own","deadline":17,"k":null},"class_id":"c9"}`))
	require.NoError(t, err)
	frame := string(d.out.published[0].Frame)
	require.Contains(t, frame, `"batch_id":"mine"`)
	require.Contains(t, frame, `"priority":"low"`)
	require.Contains(t, frame, `"deadline":17`)
	require.Contains(t, frame, `"k":null`)
	require.Contains(t, frame, `"class_id":"c9"`)
	require.Equal(t, 1, strings.Count(frame, `"batch_id"`))
	require.NotContains(t, frame, "teacher")
}

func TestAcceptRefusesInvalidFields(t *testing.T) {
	cases := map[string]string{
		"no object":               `[1]`,
		"no teacher":              `{"notification_type":"x","category":"batch_progress","priority":"low","payload":{}}`,
		"numeric teacher":         `{"teacher_id":5,"notification_type":"x","category":"batch_progress","priority":"low","payload":{}}`,
		"invalid teacher":         `{"teacher_id":"}x","notification_type":"x","category":"batch_progress","priority":"low","payload":{}}`,
		"lone surrogate":          `{"teacher_id":"t\ud800","notification_type":"x","category":"batch_progress","priority":"low","payload":{}}`,
		"two lone surrogates":     `{"teacher_id":"\udc00\ud800","notification_type":"x","category":"batch_progress","priority":"low","payload":{}}`,
		"blank type":              `{"teacher_id":"t","notification_type":" ","category":"batch_progress","priority":"low","payload":{}}`,
		"unknown category":        `{"teacher_id":"t","notification_type":"x","category":"news","priority":"low","payload":{}}`,
		"no priority":             `{"teacher_id":"t","notification_type":"x","category":"batch_progress","payload":{}}`,
		"no payload":              `{` + least + `}`,
		"null payload":            `{` + least + `,"payload":null}`,
		"list payload":            `{` + least + `,"payload":[]}`,
		"action is not a boolean": `{` + least + `,"payload":{},"action_required":"yes"}`,
		"invalid deadline":        `{` + least + `,"payload":{},"deadline_timestamp":"soon"}`,
		"numeric batch":           `{` + least + `,"payload":{},"batch_id":7}`,
		"invalid timestamp":       `{` + least + `,"payload":{},"timestamp":{}}`,
		"invalid UTF-8":           `{` + least + `,"payload":{"a":"` + "\xff" + `"}}`,
	}
	for name, data := range cases {
		d := newFixture(true)
		_, err := d.Accept(context.Background(), event(data))
		require.Contains(t, []domain.Code{domain.ParsingError, domain.ValidationError}, domain.CodeOf(err), name)
		require.Empty(t, d.out.published, name)
	}
}

func TestAcceptPublishesEveryCategoryAndPriority(t *testing.T) {
	d := newFixture(true)
	for _, category := range domain.Categories() {
		for _, priority := range domain.Priorities() {
			_, err := d.Accept(context.Background(), event(fmt.Sprintf(
				`{"teacher_id":"t1","notification_type":"x","category":%q,"priority":%q,"payload":{}}`, category, priority)))
			require.NoError(t, err, "%s, %s", category, priority)
		}
	}
	require.Len(t, d.out.published, 30)
}

func TestAcceptRefusesEventsOfOtherTopics(t *testing.T) {
	d := newFixture(true)
	e := event(`{` + least + `,"payload":{}}`)
	e.EventType = string(domain.CommandTopic)
	_, err := d.Accept(context.Background(), e)
	require.Equal(t, domain.ParsingError, domain.CodeOf(err))
}

func TestAcceptReturnsTheErrorOfThePublisher(t *testing.T) {
	d := newFixture(true)
	d.out.err = domain.Unreachable("redis", nil)
	_, err := d.Accept(context.Background(), event(`{`+least+`,"payload":{}}`))
	require.ErrorIs(t, err, d.out.err)
}

func TestOnlyStoredNotificationsAreCounted(t *testing.T) {
	for name, want := range map[string]struct {
		out   recordingPublisher
		facts []domain.Fact
	}{
		"stored":    {recordingPublisher{}, []domain.Fact{domain.NotificationStored{Type: "x"}}},
		"duplicate": {recordingPublisher{duplicate: true}, nil},
		"failed":    {recordingPublisher{err: domain.Unreachable("redis", nil)}, nil},
	} {
		d := newFixture(true)
		*d.out = want.out
		_, err := d.Accept(context.Background(), event(`{`+least+`,"payload":{}}`))
		require.ErrorIs(t, err, want.out.err, name)
		require.Equal(t, want.facts, d.facts.All(), name)
	}
}

func TestControlNeedsAValidNotification(t *testing.T) {
	d := newFixture(true)
	require.NoError(t, d.Control(context.Background(), event(`{`+least+`,"payload":{}}`)))
	require.Equal(t, domain.ParsingError, domain.CodeOf(d.Control(context.Background(), event(`[]`))))
	d.out.err = domain.Unreachable("redis", nil)
	require.ErrorIs(t, d.Control(context.Background(), event(`{`+least+`,"payload":{}}`)), d.out.err)
}

func TestDeliverSendsTheSameBytesToEveryManager(t *testing.T) {
	d := newFixture(true)
	d.Deliver("t1", []byte("any text ✓"))
	for _, s := range d.managers {
		require.Len(t, s.sent, 1)
		require.Equal(t, domain.UserID("t1"), s.sent[0].User)
		require.Equal(t, "any text ✓", string(s.sent[0].Payload))
		require.WithinDuration(t, time.Now(), s.sent[0].Received, time.Minute)
	}
}

func TestDeliverDropsAndCountsInvalidText(t *testing.T) {
	d := newFixture(true)
	d.Deliver("t1", []byte("\xff"))
	require.Empty(t, d.managers[0].sent)
	require.Equal(t, []domain.Fact{domain.MessageFailed{Reason: domain.InvalidUTF8}}, d.facts.All())
}

func TestMissedSendsAResyncToEveryUserOfTheGap(t *testing.T) {
	gap := domain.Gap{Users: []domain.UserID{"t1", "t2"}, Since: time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)}
	d := newFixture(true)
	d.Missed(gap)
	require.Len(t, d.managers[1].sent, 2)
	require.Equal(t, `{"event":"resync","data":{"reason":"subscription_gap","since":"2026-01-02T03:04:05.000006Z"}}`, string(d.managers[1].sent[0].Payload))
	require.Equal(t, domain.UserID("t2"), d.managers[1].sent[1].User)

	quiet := newFixture(false)
	quiet.Missed(gap)
	require.Len(t, quiet.managers[0].sent, 2, "connections catch up without an announcement too")
	require.Empty(t, quiet.managers[0].sent[0].Payload)
	require.Equal(t, gap.Since, quiet.managers[0].sent[0].MissedSince)
}

func TestDisconnectClosesTheUserOnEveryManager(t *testing.T) {
	d := newFixture(true)
	d.Disconnect("t1")
	for _, s := range d.managers {
		require.Equal(t, []domain.UserID{"t1"}, s.closed)
	}
}

func TestCheckSkipsManagersThatCannotCheck(t *testing.T) {
	plain, checking := &recordingManager{}, checkingManager{&recordingManager{}}
	n := app.NewNotifications(app.NotificationConfig{}, nil, []ports.ConnectionManager{plain, checking}, &memory.Facts{})
	n.Check("t1")
	require.Equal(t, []domain.UserID{"t1"}, checking.checked)
	require.Empty(t, plain.checked)
}

func FuzzAccept(f *testing.F) {
	f.Add([]byte(`{` + least + `,"payload":{"a":1,"a":2,"batch_id":"x"},"batch_id":null}`))
	f.Add([]byte(`{"teacher_id":"t"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		d := newFixture(true)
		e := event("")
		e.Data = data
		if _, err := d.Accept(context.Background(), e); err != nil {
			require.Contains(t, []domain.Code{domain.ParsingError, domain.ValidationError}, domain.CodeOf(err))
			return
		}
		var frame map[string]any
		require.NoError(t, json.Unmarshal(domain.WithID(d.out.published[0].Frame, "1-0"), &frame))
		require.Len(t, frame, 3)
	})
}
