package conformance_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/wire"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/frames"
	"github.com/huleedu/edge/test/world"
)

// TestClosesInNode and TestClosesInChromium: what a client's code sees of every
// close, through the same API in both worlds.
func TestClosesInNode(t *testing.T) {
	t.Parallel()
	closes(t, newScene(t, inNode))
}

func TestClosesInChromium(t *testing.T) {
	t.Parallel()
	s := newScene(t, inChromium)
	closes(t, s)
	t.Run("1001: the page is left", s.leavesThePage)
}

func closes(t *testing.T, s *scene) {
	t.Helper()
	for _, c := range []ending{
		{"1000: the client closes", nil, nil, func(t *testing.T, r run) { r.do(t, command{Do: "close", Name: r.name, Code: 1000}) }, 1000, ""},
		{"1005: the client closes without a code", nil, nil, func(t *testing.T, r run) { r.do(t, command{Do: "close", Name: r.name}) }, 1005, ""},
		{"1002: a broken frame", nil, nil, func(t *testing.T, r run) { r.tap.inject(t, 0x83, 0x80, 0, 0, 0, 0) }, 1002, "bad opcode 3"},
		{"1002: a close of one byte", nil, nil, func(t *testing.T, r run) { r.tap.inject(t, 0x88, 0x81, 0, 0, 0, 0, 3) }, 1002, ""},
		{"1007: bad text", nil, nil, func(t *testing.T, r run) { r.tap.inject(t, 0x81, 0x82, 0, 0, 0, 0, 0xc3, 0x28) }, 1007, "VALIDATION_ERROR"},
		{"1008: a bad token", nil, func(string) string { return "not.a.token" }, nil, 1008, "AUTHENTICATION_ERROR"},
		{"1008: a token that expires", nil, func(user string) string { return token(user, 2*time.Second) }, nil, 1008, "AUTHENTICATION_ERROR"},
		{"1008: too many frames", map[string]string{"WEBSOCKET_MAX_MESSAGES_PER_MINUTE": "3"}, nil, func(t *testing.T, r run) {
			for range 6 {
				r.do(t, command{Do: "send", Name: r.name, Data: "x"})
			}
		}, 1008, "RATE_LIMIT"},
		{"1009: a long message", nil, nil, func(t *testing.T, r run) {
			r.do(t, command{Do: "send", Name: r.name, Data: strings.Repeat("x", 70_000)})
		}, 1009, ""},
		{"4001: a slow consumer", map[string]string{"WEBSOCKET_SEND_QUEUE_MESSAGES": "1"}, nil, func(t *testing.T, r run) {
			r.tap.slow.Store(true)
			s.publish(t, "ws:"+r.user, slices.Repeat([]string{strings.Repeat("x", 20_000)}, 1500)...)
			require.Eventually(t, func() bool { return r.counted(t, 4001) }, patience, time.Millisecond)
			r.tap.slow.Store(false) // the client still hears why
		}, 4001, "QUOTA_EXCEEDED"},
		{"4002: silence", map[string]string{"WEBSOCKET_IDLE_TIMEOUT": "1"}, nil, nil, 4002, "TIMEOUT"},
	} {
		t.Run(c.name, func(t *testing.T) { c.try(t, s) })
	}
	t.Run("1006: the line is cut", s.cutsTheLine)
	t.Run("1006: refused before the upgrade", s.refusesByHTTP)
	t.Run("4000: one socket too many", s.refusesTheNewest)
	t.Run("4003: an operator", s.disconnects)
	t.Run("1012: a restart, and what was missed", s.restarts)
	t.Run("1011: Redis is away", s.losesRedis) // the last: it ends the scene's Redis
}

// ending is a way in which a single socket ends.
type ending struct {
	name string
	vars map[string]string
	// token makes the user's; nil: a good one.
	token func(user string) string
	// act brings the end about; nil: it comes by itself.
	act func(*testing.T, run)
	// code and reason are what the client sees; a reason in capitals is the error
	// code in the standard form.
	code   int
	reason string
}

// run is a socket that is to end.
type run struct {
	*scene

	name, user string
	node       *wire.Process
	tap        *tap
}

func (c ending) try(t *testing.T, s *scene) {
	p := s.node(t, c.vars)
	r := run{s, t.Name(), someone(), p, newTap(t, p)}
	bearer := token(r.user, time.Hour)
	if c.token != nil {
		bearer = c.token(r.user)
	}
	s.connect(t, r.name, r.tap.url(), bearer)
	if c.act != nil {
		c.act(t, r)
	}
	told(t, s.end(t, r.name), c.code, c.reason)
	require.True(t, r.counted(t, c.code))
}

// counted reports whether the node has counted the close.
func (r run) counted(t *testing.T, code int) bool {
	t.Helper()
	return strings.Contains(get(t, r.node, "/metrics").text, fmt.Sprintf("websocket_closes_total{code=%q} 1", fmt.Sprint(code)))
}

// told demands a clean end with a code and a reason.
func told(t *testing.T, e event, code int, reason string) {
	t.Helper()
	require.Equal(t, code, e.Code, "%+v", e)
	require.True(t, e.Clean, "%+v", e)
	if reason == "" || reason != strings.ToUpper(reason) {
		require.Equal(t, reason, e.Reason)
		return
	}
	var got struct {
		ErrorCode     string `json:"error_code"`
		Message       string `json:"message"`
		CorrelationID string `json:"correlation_id"`
	}
	require.NoError(t, json.Unmarshal([]byte(e.Reason), &got), e.Reason)
	require.Equal(t, reason, got.ErrorCode)
	require.NotEmpty(t, got.Message)
	t.Logf("%d %s", e.Code, e.Reason)
}

// leavesThePage: a browser says 1001 by itself.
func (s *scene) leavesThePage(t *testing.T) {
	require.NoError(t, s.redis.Restart()) // the last of the closes took it away
	p := s.node(t, nil)
	s.connect(t, t.Name(), socketOf(p), token(someone(), time.Hour))
	s.do(t, command{Do: "leave"})
	require.Eventually(t, func() bool {
		return strings.Contains(get(t, p, "/metrics").text, `websocket_closes_total{code="1001"} 1`)
	}, patience, 20*time.Millisecond)
}

// cutsTheLine: without a close frame a client sees 1006, whoever is to blame.
func (s *scene) cutsTheLine(t *testing.T) {
	w := newTap(t, s.node(t, nil))
	s.connect(t, t.Name(), w.url(), token(someone(), time.Hour))
	w.cut()
	e := s.end(t, t.Name())
	require.Equal(t, 1006, e.Code)
	require.False(t, e.Clean)
	require.Empty(t, e.Reason)
}

// refusesByHTTP: a browser is not shown the status of a refused upgrade.
func (s *scene) refusesByHTTP(t *testing.T) {
	p := s.node(t, nil)
	s.do(t, command{
		Do: "open", Name: t.Name(), URL: socketOf(p) + "?last_event_id=nonsense",
		Protocols: []string{protocol, "bearer." + token(someone(), time.Hour)},
	})
	require.Equal(t, "error", s.next(t, t.Name()).Event)
	e := s.end(t, t.Name())
	require.Equal(t, 1006, e.Code)
	require.False(t, e.Clean)
}

func (s *scene) refusesTheNewest(t *testing.T) {
	p := s.node(t, map[string]string{"WEBSOCKET_MAX_CONNECTIONS_PER_USER": "1"})
	user, first, second := someone(), t.Name()+" 1", t.Name()+" 2"
	s.connect(t, first, socketOf(p), token(user, time.Hour))
	s.connect(t, second, socketOf(p), token(user, time.Hour))
	e := s.end(t, second)
	require.Equal(t, `{"error_code":"QUOTA_EXCEEDED","message":"Connection limit exceeded"}`, e.Reason)
	require.Equal(t, 4000, e.Code)
	require.True(t, e.Clean)
	require.NoError(t, s.platform.Tell(t.Context(), domain.UserID(user), "still here", nil))
	require.Contains(t, s.next(t, first).Data, "still here")
}

func (s *scene) disconnects(t *testing.T) {
	p := s.node(t, nil)
	user := someone()
	s.connect(t, t.Name(), socketOf(p), token(user, time.Hour))
	s.publish(t, "wsctl:disconnect", user)
	told(t, s.end(t, t.Name()), 4003, "AUTHORIZATION_ERROR")
}

// restarts: the client comes back to another node with its position and has
// what was said meanwhile, once and in order, and then what comes.
func (s *scene) restarts(t *testing.T) {
	ctx, user, name := t.Context(), someone(), t.Name()
	say := func(kind string) {
		n := world.NoticeOf("class_created")
		n.Type = kind
		require.NoError(t, s.platform.Notify(ctx, domain.UserID(user), n))
	}
	contract := frames.Open()
	heard := func(socket string) (kind, id string) {
		e := s.next(t, socket)
		require.Equal(t, "message", e.Event, "%+v", e)
		var f struct{ Event, ID string }
		require.NoError(t, json.Unmarshal([]byte(e.Data), &f))
		contract.Check(t, []byte(e.Data))
		return f.Event, f.ID
	}
	old := s.node(t, nil)
	s.connect(t, name, socketOf(old), token(user, time.Hour))
	say("one")
	kind, position := heard(name)
	require.Equal(t, "one", kind)
	require.NotEmpty(t, position)
	stop(t, old)
	told(t, s.end(t, name), 1012, "SERVICE_UNAVAILABLE")

	fresh := s.node(t, nil)
	other := name + " other"
	s.connect(t, other, socketOf(fresh), token(someone(), time.Hour)) // nobody's business
	say("two")
	say("three")
	again := name + " again"
	s.connect(t, again, socketOf(fresh)+"?last_event_id="+position, token(user, time.Hour))
	say("four")
	for _, want := range []string{"two", "three", "four"} {
		kind, _ = heard(again)
		require.Equal(t, want, kind)
	}
}

// losesRedis: a newcomer is told, and so is whoever has been here for longer
// than the grace.
func (s *scene) losesRedis(t *testing.T) {
	p := s.node(t, map[string]string{"WEBSOCKET_REDIS_OUTAGE_GRACE": "1"})
	s.connect(t, t.Name(), socketOf(p), token(someone(), time.Hour))
	s.redis.Stop()
	newcomer := t.Name() + " newcomer"
	s.connect(t, newcomer, socketOf(p), token(someone(), time.Hour))
	told(t, s.end(t, newcomer), 1011, "CONNECTION_ERROR")
	told(t, s.end(t, t.Name()), 1011, "CONNECTION_ERROR")
}
