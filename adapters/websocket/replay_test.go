package websocket_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	gorilla "github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
	"github.com/huleedu/edge/test/pause"
)

// keep publishes a notification of the given size for u1 and returns its frame and
// id.
func (n *node) keep(t testing.TB, size int) (frame, id string) {
	t.Helper()
	text := fmt.Appendf(nil, `{"event":"e","data":%q}`, strings.Repeat("x", size))
	got, err := n.bus.Publish(context.Background(), domain.Notification{User: "u1", EventID: uuid.NewString(), Frame: text})
	require.NoError(t, err)
	return string(domain.WithID(text, got.ID)), got.ID
}

// live delivers a message as the subscription does.
func (n *node) live(text string) {
	n.manager.Send(domain.Message{User: "u1", Payload: []byte(text), Received: time.Now()})
}

func (n *node) resume(t testing.TB, id string) *client {
	t.Helper()
	c, err := n.dialWith(&gorilla.Dialer{}, "?token=u1&last_event_id="+url.QueryEscape(id), nil)
	require.NoError(t, err)
	t.Cleanup(c.Leave)
	return c
}

func (c *client) expect(t testing.TB, want ...string) {
	t.Helper()
	for i, w := range want {
		text, err := c.Next()
		require.NoError(t, err)
		require.Equal(t, w, string(text), "frame %d", i)
	}
}

func TestResume(t *testing.T) {
	n := newNode(t, settings())
	n.bus.SetLimit(3)
	var frames, ids []string
	for range 4 { // the first is trimmed
		frame, id := n.keep(t, 1)
		frames, ids = append(frames, frame), append(ids, id)
	}
	incomplete := func(id, oldest string) string {
		return fmt.Sprintf(`{"event":"replay_incomplete","data":{"last_event_id":%q,"oldest_available":%s}}`, id, oldest)
	}
	lost := func(id string) string { return incomplete(id, fmt.Sprintf("%q", ids[1])) }
	for from, want := range map[string][]string{
		"":     nil,
		"$":    {`{"event":"position","data":{"last_event_id":"` + ids[3] + `"}}`},
		"0":    frames[1:],
		"0-0":  frames[1:],
		ids[0]: append([]string{lost(ids[0])}, frames[1:]...),
		"7-7":  append([]string{lost("7-7")}, frames[1:]...),
		ids[1]: frames[2:],
		ids[3]: nil,
	} {
		t.Run("from "+from, func(t *testing.T) {
			c := n.resume(t, from)
			n.live("after")
			c.expect(t, append(want, "after")...)
		})
	}
	n.bus.Expire("u1")
	n.resume(t, "$").expect(t, `{"event":"position","data":{"last_event_id":"0-0"}}`)
	n.resume(t, ids[3]).expect(t, incomplete(ids[3], "null"))
	require.Eventually(t, func() bool { return n.facts.Count(is[domain.MessageReplayed]) == 14 }, time.Second, time.Millisecond)
}

func TestResumeFromInvalidPosition(t *testing.T) {
	n := newNode(t, settings())
	for _, id := range []string{"x", "1", "1-", "-1", "1-1-1", "$$", " 0", "1-01", "18446744073709551616-0", "+1-1", "0x1-1"} {
		c, err := n.dialWith(&gorilla.Dialer{}, "?token=u1&last_event_id="+url.QueryEscape(id), nil)
		require.Error(t, err)
		require.Equal(t, http.StatusBadRequest, c.response.StatusCode, id)
	}
	n.awaitClean(t)
	c, err := n.dialWith(&gorilla.Dialer{}, "?token=expired&last_event_id=x", nil)
	require.NoError(t, err)
	require.Equal(t, 1008, c.end(t).Code, "the token is checked before the position")
}

// failingLog is a log whose first reads fail.
type failingLog struct {
	ports.NotificationLog
	mu    sync.Mutex
	times int
}

func (u *failingLog) Since(ctx context.Context, user domain.UserID, after domain.Position) (domain.Replay, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.times--
	if u.times >= 0 {
		return domain.Replay{}, domain.Unreachable("redis", context.DeadlineExceeded)
	}
	return u.NotificationLog.Since(ctx, user, after)
}

func TestResumeDuringLogOutage(t *testing.T) {
	n := newNode(t, settings(), func(n *node) { n.past = &failingLog{NotificationLog: n.bus, times: 1000} })
	end := n.resume(t, "0").end(t)
	require.Equal(t, 1011, end.Code)
	require.Contains(t, end.Text, `"error_code":"CONNECTION_ERROR"`)
	n.awaitClean(t)
}

// A log that is readable again within the wait of a handshake costs no connection.
func TestResumeWaitsForTheLog(t *testing.T) {
	n := newNode(t, settings(), func(n *node) { n.past = &failingLog{NotificationLog: n.bus, times: 1} })
	n.resume(t, "0").Leave()
	n.awaitClean(t)
	require.Zero(t, n.facts.Count(is[domain.ConnectionRejected]))
}

// A slow client gets a long log completely, then the messages that arrive meanwhile,
// although the queue holds only a few of them: the others are read from the log.
func TestSlowClientResumes(t *testing.T) {
	c := settings()
	c.SendQueueMessages = 5
	n := newNode(t, c)
	n.bus.SetLimit(2000)
	var want []string
	for range 300 {
		frame, _ := n.keep(t, 40_000)
		want = append(want, frame)
	}
	conn := n.resume(t, "0")
	for i := range 40 {
		if i == 20 {
			n.live("direct")
		}
		frame, _ := n.keep(t, 20_000)
		n.live(frame)
		want = append(want, frame)
	}
	direct := false
	for _, w := range want {
		text, err := conn.Next()
		require.NoError(t, err)
		if string(text) == "direct" {
			direct = true
			text, err = conn.Next()
			require.NoError(t, err)
		}
		require.Equal(t, w, string(text))
	}
	if !direct {
		conn.expect(t, "direct")
	}
	n.live("last")
	conn.expect(t, "last")
	require.Zero(t, n.facts.Count(is[domain.MessageFailed]))
}

// TestDirectMessagesDuringAReplayAreBounded checks that messages that the log does not store fill the queue.
func TestDirectMessagesDuringAReplayAreBounded(t *testing.T) {
	c := settings()
	c.SendQueueMessages = 5
	n := newNode(t, c)
	n.keep(t, 8<<20) // fills what the kernel takes
	conn := n.resume(t, "0")
	for range 20 {
		n.live("direct")
	}
	_ = conn
	n.awaitClean(t)
	require.Equal(t, 1, n.closes(4001))
}

// A client whose entries are trimmed while it reads is disconnected. When it
// resumes, it gets a frame about missing entries.
func TestTrimmedWhileReading(t *testing.T) {
	n := newNode(t, settings())
	n.bus.SetLimit(400)
	for range 300 {
		n.keep(t, 100_000)
	}
	conn := n.resume(t, "0")
	n.bus.SetLimit(1)
	n.keep(t, 1)
	require.Equal(t, 4001, conn.end(t).Code)
	n.awaitClean(t)
}

func missed(since time.Time, text string) domain.Message {
	return domain.Message{User: "u1", Payload: []byte(text), Received: time.Now(), MissedSince: since}
}

// TestGap replays the log to every client that stayed connected, with or without an
// announcement, and with or without an earlier resume.
func TestGap(t *testing.T) {
	for _, announcement := range []string{"resync", ""} {
		t.Run(announcement, func(t *testing.T) {
			n := newNode(t, settings(), func(n *node) { n.past = &failingLog{NotificationLog: n.bus, times: -1} })
			frame := func() string { f, _ := n.keep(t, 1); return f }
			old := frame()
			pause.For(1100*time.Millisecond, "the entry must become older than the gap of a new connection")
			resumed, plain := n.resume(t, "0"), n.mustDial(t, "u1")
			resumed.expect(t, old)
			first := frame()
			n.live(first)
			resumed.expect(t, first)
			plain.expect(t, first)
			fresh := n.mustDial(t, "u1") // has been given nothing yet

			lost := []string{frame(), frame()}
			require.Equal(t, 3, n.manager.Send(missed(time.Now(), announcement)))
			after := frame()
			n.live(after)
			n.live("direct")
			for _, c := range []*client{resumed, plain, fresh} {
				if announcement != "" {
					c.expect(t, announcement)
				}
				if c == fresh { // it may be given what came just before it did
					text, err := c.Next()
					require.NoError(t, err)
					if string(text) == first {
						c.expect(t, lost[0])
					} else {
						require.Equal(t, lost[0], string(text))
					}
					c.expect(t, append(lost[1:], after, "direct")...)
					continue
				}
				c.expect(t, append(lost, after, "direct")...)
			}
		})
	}
}

// While the log cannot be read, kept notifications are held back, so that none is
// sent before the missed ones.
func TestGapDuringLogOutage(t *testing.T) {
	broken := &failingLog{}
	n := newNode(t, settings(), func(n *node) { broken.NotificationLog, n.past = n.bus, broken })
	c := n.resume(t, "$")
	_, err := c.Next()
	require.NoError(t, err)
	first, _ := n.keep(t, 1)
	n.live(first)
	c.expect(t, first)
	lost, _ := n.keep(t, 1)
	broken.mu.Lock()
	broken.times = 3
	broken.mu.Unlock()
	n.manager.Send(missed(time.Now(), ""))
	after, _ := n.keep(t, 1)
	n.live(after)
	c.expect(t, lost, after)
}

func TestGapThatDoesNotFitTheQueueClosesTheConnection(t *testing.T) {
	c := settings()
	c.SendQueueMessages = 2
	n := newNode(t, c)
	n.deps.during = func(domain.UserID) {
		n.live("1")
		n.live("2")
		n.manager.Send(missed(time.Now(), "resync"))
	}
	require.Equal(t, 4001, n.mustDial(t, "u1").end(t).Code)
	n.awaitClean(t)
}

// A drain ends a long replay after the current page and sends no later notification.
func TestDrainDuringAReplay(t *testing.T) {
	n := newNode(t, settings())
	n.bus.SetLimit(2000)
	var want []string
	for range 600 {
		frame, _ := n.keep(t, 20_000)
		want = append(want, frame)
	}
	conn := n.resume(t, "0")
	frame, _ := n.keep(t, 1)
	n.live(frame)
	n.live("direct")
	ended := make(chan error, 1)
	go func() { ended <- n.manager.Drain(context.Background()) }()
	for at := 0; ; {
		text, err := conn.Next()
		if err != nil {
			require.ErrorContains(t, err, "close 1012")
			require.Less(t, at, len(want))
			break
		}
		if string(text) == "direct" {
			continue
		}
		require.Equal(t, want[at], string(text))
		at++
	}
	require.NoError(t, <-ended)
}

// BenchmarkResume measures a handshake with a replay, up to the last notification.
func BenchmarkResume(b *testing.B) {
	for _, entries := range []int{0, 256} {
		b.Run(fmt.Sprint(entries), func(b *testing.B) {
			n := newNode(b, settings(), func(n *node) { n.facts.mute = true })
			for range entries {
				n.keep(b, 400)
			}
			dialer := &gorilla.Dialer{}
			b.ReportAllocs()
			for b.Loop() {
				c, err := n.dialWith(dialer, "?token=u1&last_event_id=0", nil)
				require.NoError(b, err)
				for range entries {
					_, _, err = c.ReadMessage()
					require.NoError(b, err)
				}
				c.Leave()
			}
		})
	}
}

// skewedLog is a log whose clock stepped back by 30 s after its entries were
// written: Recent returns entries that are up to 30 s older.
type skewedLog struct{ ports.NotificationLog }

func (s skewedLog) Recent(ctx context.Context, user domain.UserID, age time.Duration) (domain.Replay, error) {
	return s.NotificationLog.Recent(ctx, user, age+30*time.Second)
}

// TestCatchUpBeginsAtTheLogsPosition: after a gap a client gets what was published
// since it connected, whatever the clock of the log did, whether the log was empty,
// and whether the client asked for a position.
func TestCatchUpBeginsAtTheLogsPosition(t *testing.T) {
	for _, old := range []int{0, 10} {
		for name, query := range map[string]string{"no position": "", "live": "&last_event_id=$", "empty": "&last_event_id="} {
			t.Run(name, func(t *testing.T) {
				n := newNode(t, settings(), func(n *node) { n.past = skewedLog{n.bus} })
				for range old {
					n.keep(t, 1)
				}
				c := n.mustDial(t, domain.UserID("u1"+query))
				if name == "live" {
					text, err := c.Next()
					require.NoError(t, err)
					require.Contains(t, string(text), "position")
				}
				lost, _ := n.keep(t, 1)
				n.manager.Send(missed(time.Now(), "resync"))
				for _, want := range []string{"resync", lost} {
					c.expect(t, want)
				}
				n.manager.Send(text("u1", "end"))
				c.expect(t, "end")
			})
		}
	}
}
