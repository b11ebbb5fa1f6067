package conformance_test

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/world"
	"github.com/huleedu/edge/wire"
)

// guideClient is a code block of docs/clients.md that runs in a page of Chromium.
type guideClient struct {
	*scenario

	user  string
	proxy *proxy
}

// guideCode returns the code block of docs/clients.md that defines a function.
func guideCode(t *testing.T, function string) string {
	t.Helper()
	guide, err := os.ReadFile("../../docs/clients.md")
	require.NoError(t, err)
	for _, block := range regexp.MustCompile("(?s)```js\n(.*?)```").FindAllStringSubmatch(string(guide), -1) {
		if strings.Contains(block[1], "function "+function+"(") {
			return block[1]
		}
	}
	require.FailNow(t, "no code block defines "+function)
	return ""
}

// newGuideClient starts a page with the code of the guide and a proxy to a node.
func newGuideClient(t *testing.T, node *wire.Process, s *scenario, functions ...string) *guideClient {
	t.Helper()
	c := &guideClient{s, newUser(), newProxy(t, node)}
	for _, name := range functions {
		c.script(t, guideCode(t, name))
	}
	return c
}

func (c *guideClient) script(t *testing.T, code string) {
	t.Helper()
	c.send(t, command{Do: "script", Data: code})
}

// start calls a function of the guide with tokens in turn; the last one is given again and
// again. The handlers emit events with the name.
func (c *guideClient) start(t *testing.T, function, name, url string, tokens ...string) {
	t.Helper()
	list, err := json.Marshal(tokens)
	require.NoError(t, err)
	c.script(t, fmt.Sprintf(`{
		const tokens = %s, tell = (event, more) => emit(JSON.stringify({ name: %q, event, ...more }));
		window[%[2]q] = %s(%q,
			async (fresh) => { tell("token", { data: String(fresh) }); return tokens.length > 1 ? tokens.shift() : tokens[0]; },
			{
				message: (frame) => tell("message", { data: frame.event }),
				reload: () => tell("reload"),
				stop: (code, reason) => tell("stop", { code, reason }),
			});
	}`, list, name, function, url))
}

// expect requires the next event of a page's client.
func (c *guideClient) expect(t *testing.T, name, kind, data string) event {
	t.Helper()
	e := c.awaitEvent(t, name)
	require.Equal(t, kind, e.Event, "%+v", e)
	require.Equal(t, data, e.Data, "%+v", e)
	return e
}

// expectAfterRetries requires a message after any number of attempts to connect.
func (c *guideClient) expectAfterRetries(t *testing.T, name, message string) {
	t.Helper()
	e := c.awaitEvent(t, name)
	for e.Event == "token" {
		e = c.awaitEvent(t, name)
	}
	require.Equal(t, event{Name: name, Event: "message", Data: message}, e)
}

// awaitAccepted waits until a node has accepted one connection. A connection counts in the
// health before its position is known, and it would miss a message that is stored in between.
func awaitAccepted(t *testing.T, node *wire.Process, transport domain.Transport) {
	t.Helper()
	want := fmt.Sprintf("websocket_active_connections{transport=%q} 1\n", transport)
	require.Eventually(t, func() bool { return strings.Contains(get(t, node, "/metrics"), want) }, waitLimit, 20*time.Millisecond)
}

// awaitNoConnections waits until a node has no connection that is not closing.
func awaitNoConnections(t *testing.T, node *wire.Process) {
	t.Helper()
	require.Eventually(t, func() bool {
		return strings.Contains(get(t, node, "/healthz/websocket"), `"total_connections":0,`)
	}, waitLimit, 10*time.Millisecond)
}

// notify sends a stored notification of each type.
func (c *guideClient) notify(t *testing.T, types ...string) {
	t.Helper()
	for _, kind := range types {
		n := world.NotificationRequestOf("class_created")
		n.Type = kind
		require.NoError(t, c.platform.Notify(t.Context(), domain.UserID(c.user), n))
	}
}

// TestGuideClientIsShort checks that the complete client has at most forty lines.
func TestGuideClientIsShort(t *testing.T) {
	t.Parallel()
	require.LessOrEqual(t, strings.Count(guideCode(t, "connect"), "\n"), 40)
}

// TestGuideClientInChromium runs the complete client of docs/clients.md as it stands there.
func TestGuideClientInChromium(t *testing.T) {
	t.Parallel()
	s := newScenario(t, inChromium)
	t.Run("restart", s.guideResumes)
	t.Run("1008: a refused token", s.guideGetsNewToken)
	t.Run("refresh", s.guideRefreshes)
	t.Run("4000: one connection too many", s.guideStopsAtLimit)
	t.Run("replay incomplete", s.guideReloads)
}

// guideResumes checks that the client receives each message once, in order, also those that are
// sent while the service is restarted.
func (s *scenario) guideResumes(t *testing.T) {
	old := s.startNode(t, nil)
	c := newGuideClient(t, old, s, "connect")
	c.start(t, "connect", t.Name(), c.proxy.url(), token(c.user, time.Hour))
	c.expect(t, t.Name(), "token", "false")
	awaitAccepted(t, old, domain.TransportWebSocket)
	c.notify(t, "one")
	c.expect(t, t.Name(), "message", "one")
	c.proxy.refuse()
	stop(t, old)
	c.proxy.awaitRefusal(t)
	fresh := s.startNode(t, nil)
	c.notify(t, "two", "three")
	c.proxy.forwardTo(fresh)
	c.expectAfterRetries(t, t.Name(), "two")
	c.expect(t, t.Name(), "message", "three")
	c.notify(t, "four")
	c.expect(t, t.Name(), "message", "four")
	c.script(t, fmt.Sprintf("window[%q]()", t.Name()))
	require.Equal(t, 1000, c.expect(t, t.Name(), "stop", "").Code)
}

// guideGetsNewToken checks that the client asks for a new token after 1008.
func (s *scenario) guideGetsNewToken(t *testing.T) {
	node := s.startNode(t, nil)
	c := newGuideClient(t, node, s, "connect")
	good := token(c.user, time.Hour)
	c.start(t, "connect", t.Name(), c.proxy.url(), good[:len(good)-4]+"AAAA", good)
	c.expect(t, t.Name(), "token", "false")
	c.expect(t, t.Name(), "token", "true")
	awaitAccepted(t, node, domain.TransportWebSocket)
	c.notify(t, "one")
	c.expect(t, t.Name(), "message", "one")
	require.Contains(t, get(t, node, "/metrics"), `websocket_closes_total{code="1008",transport="websocket"} 1`)
}

// guideRefreshes checks that the client replaces its token before it expires.
func (s *scenario) guideRefreshes(t *testing.T) {
	node := s.startNode(t, nil)
	c := newGuideClient(t, node, s, "connect")
	c.start(t, "connect", t.Name(), c.proxy.url(), token(c.user, 10*time.Second), token(c.user, time.Hour))
	c.expect(t, t.Name(), "token", "false")
	c.expect(t, t.Name(), "token", "true")
	require.Eventually(t, func() bool {
		return strings.Contains(get(t, node, "/metrics"), `websocket_inbound_messages_total{type="refresh"} 1`)
	}, waitLimit, 10*time.Millisecond)
	c.notify(t, "one")
	c.expect(t, t.Name(), "message", "one")
	require.Contains(t, get(t, node, "/metrics"), `websocket_closes_total{code="1008",transport="websocket"} 0`)
}

// guideStopsAtLimit checks that the client does not connect again after 4000.
func (s *scenario) guideStopsAtLimit(t *testing.T) {
	node := s.startNode(t, map[string]string{"WEBSOCKET_MAX_CONNECTIONS_PER_USER": "1"})
	c := newGuideClient(t, node, s, "connect")
	first, second := t.Name()+" 1", t.Name()+" 2"
	c.start(t, "connect", first, c.proxy.url(), token(c.user, time.Hour))
	awaitAccepted(t, node, domain.TransportWebSocket)
	c.start(t, "connect", second, c.proxy.url(), token(c.user, time.Hour))
	c.expect(t, second, "token", "false")
	require.Equal(t, 4000, c.expect(t, second, "stop", "").Code)
	c.expect(t, first, "token", "false")
	c.notify(t, "one")
	c.expect(t, first, "message", "one")
}

// TestGuideStreamsInChromium runs the code for server-sent events of docs/clients.md.
func TestGuideStreamsInChromium(t *testing.T) {
	t.Parallel()
	s := newScenario(t, inChromium)
	t.Run("EventSource", s.guideListens)
	t.Run("fetch", s.guideFetches)
}

// guideListens checks that the EventSource opens a new stream with a new token after a close
// event and after a 503, and gets each message once.
func (s *scenario) guideListens(t *testing.T) {
	old := s.startNode(t, nil)
	c := newGuideClient(t, old, s, "listen")
	c.start(t, "listen", t.Name(), c.proxy.eventsURL(), token(c.user, time.Hour))
	c.expect(t, t.Name(), "token", "false")
	awaitAccepted(t, old, domain.TransportSSE)
	c.notify(t, "one")
	c.expect(t, t.Name(), "message", "one")
	c.proxy.answerUnavailable()
	stop(t, old)
	c.proxy.awaitRefusal(t)
	fresh := s.startNode(t, nil)
	c.notify(t, "two")
	c.proxy.forwardTo(fresh)
	c.expectAfterRetries(t, t.Name(), "two")
	c.notify(t, "three")
	c.expect(t, t.Name(), "message", "three")
	c.script(t, fmt.Sprintf("window[%q]()", t.Name()))
	awaitNoConnections(t, fresh)
}

// guideFetches checks that the stream that is read with fetch gives messages, positions, the
// close event and the error of a refusal, and that whyRefused reads the same error.
func (s *scenario) guideFetches(t *testing.T) {
	node := s.startNode(t, nil)
	c := newGuideClient(t, node, s, "stream", "whyRefused")
	run := func(name, bearer string) {
		c.script(t, fmt.Sprintf(`{
			const tell = (event, data) => emit(JSON.stringify({ name: %q, event, data: String(data) }));
			stream(%q, %q, "$", (frame, id) => tell(frame.event, /^[0-9]+-[0-9]+$/.test(id)))
				.then((end) => tell("end", end?.code), (error) => tell("error", error.code));
		}`, name, c.proxy.eventsURL(), bearer))
	}
	run(t.Name(), token(c.user, time.Hour))
	c.expect(t, t.Name(), "position", "true")
	c.notify(t, "one")
	c.expect(t, t.Name(), "one", "true")
	refused := t.Name() + " refused"
	run(refused, "not.a.token")
	c.expect(t, refused, "error", "AUTHENTICATION_ERROR")
	why := func(bearer string) {
		c.script(t, fmt.Sprintf(`whyRefused(%q, %q).then((error) => emit(JSON.stringify({ name: "why", event: String(error?.code) })))`,
			c.proxy.eventsURL(), bearer))
	}
	why("not.a.token")
	c.expect(t, "why", "AUTHENTICATION_ERROR", "")
	why(token(c.user, time.Hour))
	c.expect(t, "why", "undefined", "")
	c.proxy.refuse()
	stop(t, node)
	c.expect(t, t.Name(), "end", "1012")
	why(token(c.user, time.Hour))
	c.expect(t, "why", "NO_ANSWER", "")
}

// guideReloads checks that the client reloads when its position is too old, and that the
// next connection continues where the messages ended.
func (s *scenario) guideReloads(t *testing.T) {
	node := s.startNode(t, nil)
	c := newGuideClient(t, node, s, "connect")
	c.script(t, fmt.Sprintf("sessionStorage.setItem(%q, '1-1')", "notifications of "+c.user))
	c.notify(t, "one")
	c.start(t, "connect", t.Name(), c.proxy.url(), token(c.user, time.Hour))
	c.expect(t, t.Name(), "token", "false")
	c.expect(t, t.Name(), "reload", "")
	c.expect(t, t.Name(), "message", "one")
	c.proxy.CloseAll()
	c.expect(t, t.Name(), "token", "false")
	c.notify(t, "two")
	c.expect(t, t.Name(), "message", "two")
}
