package conformance_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/frames"
	"github.com/huleedu/edge/test/world"
	"github.com/huleedu/edge/wire"
)

// TestClosesInNode and TestClosesInChromium check the close code and reason that the client's
// code sees for every kind of close.
func TestClosesInNode(t *testing.T) {
	t.Parallel()
	testCloses(t, newScenario(t, inNode))
}

func TestClosesInChromium(t *testing.T) {
	t.Parallel()
	s := newScenario(t, inChromium)
	testCloses(t, s)
	t.Run("1001: the page navigates away", s.closesOnNavigation)
}

func testCloses(t *testing.T, s *scenario) {
	t.Helper()
	for _, c := range []closeCase{
		{"1000: the client closes", nil, nil, func(t *testing.T, r openSocket) { r.send(t, command{Do: "close", Name: r.name, Code: 1000}) }, 1000, ""},
		{"1005: the client closes without a code", nil, nil, func(t *testing.T, r openSocket) { r.send(t, command{Do: "close", Name: r.name}) }, 1005, ""},
		{"1002: a broken frame", nil, nil, func(t *testing.T, r openSocket) { r.proxy.inject(t, 0x83, 0x80, 0, 0, 0, 0) }, 1002, "bad opcode 3"},
		{"1002: a close of one byte", nil, nil, func(t *testing.T, r openSocket) { r.proxy.inject(t, 0x88, 0x81, 0, 0, 0, 0, 3) }, 1002, ""},
		{"1007: invalid UTF-8", nil, nil, func(t *testing.T, r openSocket) { r.proxy.inject(t, 0x81, 0x82, 0, 0, 0, 0, 0xc3, 0x28) }, 1007, "VALIDATION_ERROR"},
		{"1008: an invalid token", nil, func(string) string { return "not.a.token" }, nil, 1008, "AUTHENTICATION_ERROR"},
		{"1008: a token that expires", nil, func(user string) string { return token(user, 2*time.Second) }, nil, 1008, "AUTHENTICATION_ERROR"},
		{"1008: too many frames", map[string]string{"WEBSOCKET_MAX_MESSAGES_PER_MINUTE": "3"}, nil, func(t *testing.T, r openSocket) {
			for range 6 {
				r.send(t, command{Do: "send", Name: r.name, Data: "x"})
			}
		}, 1008, "RATE_LIMIT"},
		{"1009: a long message", nil, nil, func(t *testing.T, r openSocket) {
			r.send(t, command{Do: "send", Name: r.name, Data: strings.Repeat("x", 70_000)})
		}, 1009, ""},
		{"4001: a slow consumer", map[string]string{"WEBSOCKET_SEND_QUEUE_MESSAGES": "1"}, nil, func(t *testing.T, r openSocket) {
			r.proxy.slow.Store(true)
			published := make(chan error, 1)
			go func() {
				published <- s.publishAll(t.Context(), "ws:"+r.user, slices.Repeat([]string{strings.Repeat("x", 20_000)}, 1500))
			}()
			awaitNoConnections(t, r.node) // the close begins; the service waits one second for the client to take it
			r.proxy.slow.Store(false)     // the client receives the close frame
			require.NoError(t, <-published)
		}, 4001, "QUOTA_EXCEEDED"},
		{"4002: idle timeout", map[string]string{"WEBSOCKET_IDLE_TIMEOUT": "1"}, nil, nil, 4002, "TIMEOUT"},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, s) })
	}
	t.Run("1006: the connection is lost", s.losesConnection)
	t.Run("1006: rejected before the upgrade", s.rejectsUpgrade)
	t.Run("4000: one socket too many", s.rejectsSecondSocket)
	t.Run("4003: disconnected by an operator", s.disconnectsUser)
	t.Run("1012: a restart, with replay", s.resumesAfterRestart)
	t.Run("1011: Redis is unavailable", s.closesOnRedisOutage) // the last case: it stops Redis
}

// closeCase is a test case for one close of a single socket.
type closeCase struct {
	name string
	vars map[string]string
	// token returns the user's token; nil selects a valid one.
	token func(user string) string
	// act triggers the close; nil if it happens without an action.
	act func(*testing.T, openSocket)
	// code and reason are what the client sees. A reason in capitals is the error code of
	// the standard close reason.
	code   int
	reason string
}

// openSocket is one open socket with its node and proxy.
type openSocket struct {
	*scenario

	name, user string
	node       *wire.Process
	proxy      *proxy
}

func (c closeCase) run(t *testing.T, s *scenario) {
	p := s.startNode(t, c.vars)
	r := openSocket{s, t.Name(), newUser(), p, newProxy(t, p)}
	bearer := token(r.user, time.Hour)
	if c.token != nil {
		bearer = c.token(r.user)
	}
	s.connect(t, r.name, r.proxy.url(), bearer)
	if c.act != nil {
		c.act(t, r)
	}
	requireClose(t, s.awaitClose(t, r.name), c.code, c.reason)
	// The library sends some close frames before the service counts them.
	require.Eventually(t, func() bool { return r.closeCounted(t, c.code) }, waitLimit, 10*time.Millisecond)
}

// closeCounted reports whether the node's metrics contain the close.
func (r openSocket) closeCounted(t *testing.T, code int) bool {
	t.Helper()
	return strings.Contains(get(t, r.node, "/metrics"), fmt.Sprintf("websocket_closes_total{code=%q,transport=\"websocket\"} 1", fmt.Sprint(code)))
}

// requireClose requires a clean close with a code and a reason.
func requireClose(t *testing.T, e event, code int, reason string) {
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

// closesOnNavigation checks that a browser closes with 1001 when it leaves the page.
func (s *scenario) closesOnNavigation(t *testing.T) {
	require.NoError(t, s.redis.Restart()) // the last case has stopped it
	p := s.startNode(t, nil)
	s.connect(t, t.Name(), socketURL(p), token(newUser(), time.Hour))
	s.send(t, command{Do: "leave"})
	require.Eventually(t, func() bool {
		return strings.Contains(get(t, p, "/metrics"), `websocket_closes_total{code="1001",transport="websocket"} 1`)
	}, waitLimit, 20*time.Millisecond)
}

// losesConnection checks that the client sees 1006 when the connection ends without a close frame.
func (s *scenario) losesConnection(t *testing.T) {
	w := newProxy(t, s.startNode(t, nil))
	s.connect(t, t.Name(), w.url(), token(newUser(), time.Hour))
	w.CloseAll()
	e := s.awaitClose(t, t.Name())
	require.Equal(t, 1006, e.Code)
	require.False(t, e.Clean)
	require.Empty(t, e.Reason)
}

// rejectsUpgrade checks that a browser sees 1006, not the HTTP status, for a rejected upgrade.
func (s *scenario) rejectsUpgrade(t *testing.T) {
	p := s.startNode(t, nil)
	s.send(t, command{
		Do: "open", Name: t.Name(), URL: socketURL(p) + "?last_event_id=nonsense",
		Protocols: []string{protocol, "bearer." + token(newUser(), time.Hour)},
	})
	require.Equal(t, "error", s.awaitEvent(t, t.Name()).Event)
	e := s.awaitClose(t, t.Name())
	require.Equal(t, 1006, e.Code)
	require.False(t, e.Clean)
}

func (s *scenario) rejectsSecondSocket(t *testing.T) {
	p := s.startNode(t, map[string]string{"WEBSOCKET_MAX_CONNECTIONS_PER_USER": "1"})
	user, first, second := newUser(), t.Name()+" 1", t.Name()+" 2"
	s.connect(t, first, socketURL(p), token(user, time.Hour))
	s.connect(t, second, socketURL(p), token(user, time.Hour))
	e := s.awaitClose(t, second)
	require.Equal(t, `{"error_code":"QUOTA_EXCEEDED","message":"Connection limit exceeded"}`, e.Reason)
	require.Equal(t, 4000, e.Code)
	require.True(t, e.Clean)
	require.NoError(t, s.platform.PublishDirect(t.Context(), domain.UserID(user), "still here", nil))
	require.Contains(t, s.awaitEvent(t, first).Data, "still here")
}

func (s *scenario) disconnectsUser(t *testing.T) {
	p := s.startNode(t, nil)
	user := newUser()
	s.connect(t, t.Name(), socketURL(p), token(user, time.Hour))
	s.publish(t, "wsctl:disconnect", user)
	requireClose(t, s.awaitClose(t, t.Name()), 4003, "AUTHORIZATION_ERROR")
}

// resumesAfterRestart checks that a client that resumes at another node receives the missed
// notifications once and in order, followed by new ones.
func (s *scenario) resumesAfterRestart(t *testing.T) {
	ctx, user, name := t.Context(), newUser(), t.Name()
	notify := func(kind string) {
		n := world.NotificationRequestOf("class_created")
		n.Type = kind
		require.NoError(t, s.platform.Notify(ctx, domain.UserID(user), n))
	}
	schemas := frames.Load()
	receive := func(socket string) (kind, id string) {
		e := s.awaitEvent(t, socket)
		require.Equal(t, "message", e.Event, "%+v", e)
		var f struct{ Event, ID string }
		require.NoError(t, json.Unmarshal([]byte(e.Data), &f))
		schemas.Check(t, []byte(e.Data))
		return f.Event, f.ID
	}
	old := s.startNode(t, nil)
	s.connect(t, name, socketURL(old), token(user, time.Hour))
	notify("one")
	kind, position := receive(name)
	require.Equal(t, "one", kind)
	require.NotEmpty(t, position)
	stop(t, old)
	requireClose(t, s.awaitClose(t, name), 1012, "SERVICE_UNAVAILABLE")

	fresh := s.startNode(t, nil)
	other := name + " other"
	s.connect(t, other, socketURL(fresh), token(newUser(), time.Hour)) // another user
	notify("two")
	notify("three")
	again := name + " again"
	s.connect(t, again, socketURL(fresh)+"?last_event_id="+position, token(user, time.Hour))
	notify("four")
	for _, want := range []string{"two", "three", "four"} {
		kind, _ = receive(again)
		require.Equal(t, want, kind)
	}
}

// closesOnRedisOutage checks that new sockets are closed during an outage of Redis, and existing ones
// after the grace period.
func (s *scenario) closesOnRedisOutage(t *testing.T) {
	p := s.startNode(t, map[string]string{"WEBSOCKET_REDIS_OUTAGE_GRACE": "1"})
	s.connect(t, t.Name(), socketURL(p), token(newUser(), time.Hour))
	s.redis.Stop()
	newcomer := t.Name() + " newcomer"
	s.connect(t, newcomer, socketURL(p), token(newUser(), time.Hour))
	requireClose(t, s.awaitClose(t, newcomer), 1011, "CONNECTION_ERROR")
	requireClose(t, s.awaitClose(t, t.Name()), 1011, "CONNECTION_ERROR")
}
