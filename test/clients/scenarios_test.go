package clients_test

import (
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/test/harness"
)

// scenario disturbs clients that receive a stream of stored notifications.
type scenario struct {
	name string
	tabs int
	vars map[string]string
	// life is the lifetime of tokens; 0 is an hour.
	life time.Duration
	// prepare changes the stage before clients are opened.
	prepare func(t *testing.T, s *stage)
	// realKafka starts a real Kafka in place of the embedded one.
	realKafka bool
	// full is set for a scenario that "make test" leaves out.
	full bool
	// disturb returns the clients that must have received everything.
	disturb func(t *testing.T, s *stage, tabs []string) []string
}

// TestChromium runs every scenario with pages of Chromium against the programs.
func TestChromium(t *testing.T) {
	t.Parallel()
	for _, c := range chromiumScenarios() {
		t.Run(c.name, func(t *testing.T) {
			c.run(t, inChromium)
		})
	}
}

func (c scenario) run(t *testing.T, kind string) {
	t.Helper()
	if c.full && !harness.Full() {
		t.Skip("runs with EDGE_TEST_FULL=1")
	}
	t.Parallel()
	s := newStage(t, kind, c)
	if c.life > 0 {
		s.sessions.life = c.life
	}
	if c.prepare != nil {
		c.prepare(t, s)
	}
	tabs := s.openTabs(t, c.tabs)
	s.startStream(t)
	for _, tab := range tabs {
		s.awaitFlow(t, tab, 5)
	}
	s.verify(t, c.disturb(t, s, tabs)...)
}

func chromiumScenarios() []scenario {
	short := map[string]string{"WEBSOCKET_REDIS_OUTAGE_GRACE": "2"}
	return []scenario{
		{name: "the service is restarted", tabs: 1, full: true, disturb: restartService},
		{name: "the service is restarted, two tabs", tabs: 2, disturb: restartService},
		{name: "the service is restarted beside a real Kafka", tabs: 2, realKafka: true, full: true, disturb: restartService},
		{name: "the service is killed", tabs: 2, full: true, disturb: killService},
		{name: "one of two nodes is drained", tabs: 2, full: true, disturb: drainOneOfTwo},
		{name: "Redis is restarted", tabs: 2, full: true, disturb: restartRedis},
		{name: "Redis is away for longer than sockets stay open", tabs: 1, vars: short, full: true, disturb: restartRedis},
		{name: "the leader of two tabs is closed", tabs: 2, full: true, disturb: closeLeader},
		{name: "the leaders of five tabs are closed one after the other", tabs: 5, disturb: closeLeaders},
		{name: "the leader of five tabs crashes", tabs: 5, full: true, disturb: crashLeader},
		{name: "the leader of two tabs is suspended", tabs: 2, disturb: suspendLeader},
		{name: "the process of the leader of two tabs is stopped", tabs: 2, full: true, disturb: stopProcessOfLeader},
		{name: "the leader of five tabs is suspended during a restart", tabs: 5, full: true, disturb: suspendLeaderInRestart},
		{name: "the leader of two tabs is frozen with notice", tabs: 2, full: true, disturb: freezeLeader},
		{name: "the only tab is asleep", tabs: 1, full: true, disturb: sleepAlone},
		{name: "a tab leaves the page and goes back", tabs: 2, full: true, disturb: goBack},
		{name: "a tab is reloaded", tabs: 2, full: true, disturb: reload},
		{name: "the browser is offline", tabs: 2, full: true, disturb: goOffline},
		{name: "the network is silent while the machine sleeps", tabs: 1, disturb: sleepInSilence},
		{name: "an operator disconnects the user", tabs: 2, full: true, disturb: disconnectUser},
		{name: "tokens expire, and for a while there are none", tabs: 2, life: 8 * time.Second, full: true, disturb: expireTokens},
		{name: "another user signs in while two tabs are open", tabs: 2, life: 8 * time.Second, full: true, disturb: signInAnother},
		{name: "two users in two tabs", tabs: 1, full: true, disturb: openForAnother},
		{name: "WebSockets are blocked", tabs: 2, prepare: blockWebSockets, disturb: restartBehindProxy},
		{name: "WebSockets are blocked at first", tabs: 2, prepare: blockWebSocketsAtFirst, disturb: allowWebSockets},
		{name: "WebSockets are blocked and tokens expire", tabs: 1, life: 8 * time.Second, prepare: blockWebSockets, full: true, disturb: expireTokens},
		{name: "the quota is used up", tabs: 1, full: true, disturb: useUpQuota},
	}
}

func restartService(t *testing.T, s *stage, tabs []string) []string {
	s.link.point("") // the node of another scenario may get its port
	s.node.Stop(t)
	s.node = s.startNode(t)
	s.link.point(s.node.Address(t))
	s.awaitFlow(t, tabs[0], 20)
	return tabs
}

func killService(t *testing.T, s *stage, tabs []string) []string {
	s.link.point("")
	s.node.Kill()
	s.node = s.startNode(t)
	s.link.point(s.node.Address(t))
	s.awaitFlow(t, tabs[0], 20)
	return tabs
}

func drainOneOfTwo(t *testing.T, s *stage, tabs []string) []string {
	second := s.startNode(t)
	s.link.point(second.Address(t))
	s.node.Stop(t)
	s.awaitFlow(t, tabs[0], 20)
	return tabs
}

func restartRedis(t *testing.T, s *stage, tabs []string) []string {
	s.redis.Kill()
	if s.vars["WEBSOCKET_REDIS_OUTAGE_GRACE"] != "" {
		s.awaitStatus(t, tabs[0], "waiting")
	}
	s.redis.Start()
	s.awaitFlow(t, tabs[0], 20)
	return tabs
}

func closeLeader(t *testing.T, s *stage, tabs []string) []string {
	s.do(t, command{Do: "close", Tab: tabs[0]})
	s.awaitFlow(t, tabs[1], 20)
	return tabs[1:]
}

func closeLeaders(t *testing.T, s *stage, tabs []string) []string {
	for len(tabs) > 1 {
		tabs = closeLeader(t, s, tabs)
	}
	return tabs
}

func crashLeader(t *testing.T, s *stage, tabs []string) []string {
	s.do(t, command{Do: "crash", Tab: tabs[0]})
	s.awaitFlow(t, tabs[1], 20)
	return tabs[1:]
}

// suspendLeader blocks the leader without notice, until another tab is the leader.
func suspendLeader(t *testing.T, s *stage, tabs []string) []string {
	s.do(t, command{Do: "hang", Tab: tabs[0], MS: 20_000})
	s.awaitFlow(t, tabs[1], 100)
	s.awaitFlow(t, tabs[0], 100)
	return tabs
}

// stopProcessOfLeader stops the process of the leader's page (SIGSTOP), as a laptop or a phone does,
// until another tab has the lead.
func stopProcessOfLeader(t *testing.T, s *stage, tabs []string) []string {
	s.do(t, command{Do: "suspend", Tab: tabs[0]})
	s.awaitFlow(t, tabs[1], 100)
	s.do(t, command{Do: "resume", Tab: tabs[0]})
	s.awaitFlow(t, tabs[0], 100)
	return tabs
}

func suspendLeaderInRestart(t *testing.T, s *stage, tabs []string) []string {
	s.do(t, command{Do: "hang", Tab: tabs[0], MS: 25_000})
	return restartService(t, s, append(tabs[1:], tabs[0]))
}

func freezeLeader(t *testing.T, s *stage, tabs []string) []string {
	s.do(t, command{Do: "lifecycle", Tab: tabs[0], State: "frozen"})
	s.awaitFlow(t, tabs[1], 50)
	s.do(t, command{Do: "lifecycle", Tab: tabs[0], State: "active"})
	s.awaitFlow(t, tabs[0], 50)
	return tabs
}

func sleepAlone(t *testing.T, s *stage, tabs []string) []string {
	s.do(t, command{Do: "lifecycle", Tab: tabs[0], State: "frozen"})
	before := s.sent.Load()
	require.Eventually(t, func() bool { return s.sent.Load() > before+100 }, harness.WaitLimit, 20*time.Millisecond)
	s.do(t, command{Do: "lifecycle", Tab: tabs[0], State: "active"})
	s.awaitFlow(t, tabs[0], 100)
	return tabs
}

func goBack(t *testing.T, s *stage, tabs []string) []string {
	s.do(t, command{Do: "away", Tab: tabs[0]})
	s.awaitFlow(t, tabs[1], 50)
	s.do(t, command{Do: "back", Tab: tabs[0]})
	s.awaitFlow(t, tabs[1], 20)
	return tabs[1:]
}

func reload(t *testing.T, s *stage, tabs []string) []string {
	s.do(t, command{Do: "run", Tab: tabs[0], Code: "window.client.close()"})
	s.awaitFlow(t, tabs[1], 30)
	s.do(t, command{Do: "reload", Tab: tabs[0]})
	s.awaitFlow(t, tabs[0], 50)
	return tabs
}

func goOffline(t *testing.T, s *stage, tabs []string) []string {
	s.do(t, command{Do: "offline", Offline: true})
	s.link.CloseAll()
	s.awaitStatus(t, tabs[0], "waiting")
	before := s.sent.Load()
	require.Eventually(t, func() bool { return s.sent.Load() > before+50 }, harness.WaitLimit, 20*time.Millisecond)
	s.do(t, command{Do: "offline", Offline: false})
	s.awaitFlow(t, tabs[0], 60)
	return tabs
}

// sleepInSilence stops all data without an end of the connection. The event that the machine wakes
// makes the client look.
func sleepInSilence(t *testing.T, s *stage, tabs []string) []string {
	s.link.silence(true)
	before := s.sent.Load()
	require.Eventually(t, func() bool { return s.sent.Load() > before+100 }, harness.WaitLimit, 20*time.Millisecond)
	s.do(t, command{Do: "run", Tab: tabs[0], Code: "window.dispatchEvent(new Event('online'))"})
	s.awaitThat(t, tabs[0], "not open", func(r record) bool { return r.state.Status != "open" })
	s.link.CloseAll()
	s.link.silence(false)
	s.awaitFlow(t, tabs[0], 100)
	return tabs
}

func disconnectUser(t *testing.T, s *stage, tabs []string) []string {
	s.publish(t, "wsctl:disconnect", s.user)
	for _, tab := range tabs {
		s.awaitThat(t, tab, "disconnected", func(r record) bool {
			return r.state.Status == "stopped" && r.state.Reason == "disconnected"
		})
	}
	for _, tab := range tabs {
		s.do(t, command{Do: "run", Tab: tab, Code: "window.client.reconnect()"})
	}
	s.awaitFlow(t, tabs[0], 20)
	return tabs
}

// useUpQuota opens as many other sockets of the user as are allowed while the client is away.
func useUpQuota(t *testing.T, s *stage, tabs []string) []string {
	s.link.point("")
	s.link.CloseAll()
	s.awaitThat(t, tabs[0], "not open", func(r record) bool { return r.state.Status != "open" })
	header := http.Header{"Authorization": {"Bearer " + harness.Token(s.user)}}
	var others []*websocket.Conn
	var readers sync.WaitGroup
	require.Eventually(t, func() bool { // the lease of the lost connection ends first
		c, response, err := websocket.DefaultDialer.Dial("ws://"+s.node.Address(t)+"/ws", header)
		if response != nil {
			_ = response.Body.Close()
		}
		if err == nil {
			others = append(others, c)
			readers.Go(func() { // answers pings: a refused connection makes the service check the others
				for err := error(nil); err == nil; {
					_, _, err = c.NextReader()
				}
			})
		}
		return len(others) == 6
	}, harness.WaitLimit, 20*time.Millisecond)
	s.link.point(s.node.Address(t))
	s.awaitThat(t, tabs[0], "stopped by the quota", func(r record) bool {
		return r.state.Status == "stopped" && r.state.Reason == "quota"
	})
	for _, c := range others {
		_ = c.Close()
	}
	readers.Wait()
	require.Eventually(t, func() bool {
		s.do(t, command{Do: "run", Tab: tabs[0], Code: "window.client.reconnect()"})
		return s.get(tabs[0]).state.Status == "open"
	}, harness.WaitLimit, 200*time.Millisecond)
	s.awaitFlow(t, tabs[0], 20)
	return tabs
}
