package clients_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/harness"
	"github.com/huleedu/edge/test/pause"
	"github.com/huleedu/edge/test/world"
)

// expireTokens waits for renewals, then lets the tokens expire while there are no new ones.
func expireTokens(t *testing.T, s *stage, tabs []string) []string {
	s.awaitFlow(t, tabs[0], 600)
	require.Positive(t, s.sessions.count("expiring"))
	s.sessions.setAway(true)
	s.awaitStatus(t, tabs[0], "waiting")
	s.sessions.setAway(false)
	s.awaitFlow(t, tabs[0], 60)
	return tabs
}

// signInAnother signs in another user in a tab of its own session. Nothing of the old user
// arrives there any more.
func signInAnother(t *testing.T, s *stage, tabs []string) []string {
	shared, other := "session-"+uuid.NewString(), "teacher-"+uuid.NewString()
	s.sessions.signIn(shared, s.user)
	s.openTab(t, "shared", map[string]any{"session": shared})
	s.awaitFlow(t, "shared", 20)
	s.sessions.signIn(shared, other)
	s.awaitNotice(t, "shared", other)
	before := len(s.get("shared").received)
	s.awaitFlow(t, tabs[0], 50)
	require.Len(t, s.get("shared").received, before, "notifications of the user who has left")
	return tabs
}

// openForAnother opens a second tab for another user, and restarts the service.
func openForAnother(t *testing.T, s *stage, tabs []string) []string {
	other := "teacher-" + uuid.NewString()
	s.sessions.signIn(other, other)
	s.openTab(t, "other", map[string]any{"session": other})
	s.awaitNotice(t, "other", other)
	restartService(t, s, tabs)
	s.awaitNotice(t, "other", other)
	require.Empty(t, s.get("other").received, "notifications of another user")
	return tabs
}

// awaitNotice notifies a user until the client has received one more notice.
func (s *stage) awaitNotice(t *testing.T, tab, user string) {
	t.Helper()
	before := len(s.get(tab).other)
	require.Eventually(t, func() bool {
		err := s.platform.Notify(t.Context(), domain.UserID(user), world.NotificationRequestOf("notice"))
		return err == nil && len(s.get(tab).other) > before
	}, harness.WaitLimit, 200*time.Millisecond)
}

// blockWebSockets puts a proxy in front of the service that refuses upgrades, as some networks do.
func blockWebSockets(t *testing.T, s *stage) {
	target, err := url.Parse(s.link.url())
	require.NoError(t, err)
	forward := &httputil.ReverseProxy{
		Transport: &http.Transport{DisableKeepAlives: true}, FlushInterval: -1,
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) },
	}
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.blocked.Load() && r.Header.Get("Upgrade") != "" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		forward.ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		proxy.CloseClientConnections()
		proxy.Close()
	})
	s.blocked.Store(true)
	s.url = proxy.URL
}

// blockWebSocketsAtFirst also makes clients try WebSocket again soon.
func blockWebSocketsAtFirst(t *testing.T, s *stage) {
	blockWebSockets(t, s)
	s.options = map[string]any{"webSocketRetry": 500}
}

// allowWebSockets lets the clients change from server-sent events to WebSocket while messages
// that are not stored arrive too. Each must arrive once and in order, although the service
// sends it once only.
func allowWebSockets(t *testing.T, s *stage, tabs []string) []string {
	s.awaitThat(t, tabs[0], "server-sent events", func(r record) bool { return r.state.Transport == "sse" })
	ctx, cancel := context.WithCancel(t.Context())
	var publishing sync.WaitGroup
	var sent []string
	publishing.Go(func() {
		for ; ctx.Err() == nil; pause.For(2*time.Millisecond, "the interval of the stream") {
			sent = append(sent, fmt.Sprint("direct ", len(sent)+1))
			s.publish(t, "ws:"+s.user, fmt.Sprintf(`{"event":%q,"data":{}}`, sent[len(sent)-1]))
		}
	})
	defer publishing.Wait()
	defer cancel()
	s.awaitThat(t, tabs[0], "a message that is not stored", func(r record) bool { return len(r.other) > 0 })
	s.blocked.Store(false)
	s.awaitThat(t, tabs[0], "WebSocket", func(r record) bool { return r.state.Transport == "websocket" })
	s.awaitFlow(t, tabs[0], 20)
	cancel()
	publishing.Wait()
	for _, tab := range tabs {
		s.awaitThat(t, tab, sent[len(sent)-1], func(r record) bool { return slices.Contains(r.other, sent[len(sent)-1]) })
		require.Equal(t, sent, s.get(tab).other)
		t.Logf("%s: %d messages that are not stored, each once and in order", tab, len(sent))
	}
	return tabs
}

// restartBehindProxy restarts the service and awaits that the first tab has a stream again. The
// connection may break once more after the first notifications have come.
func restartBehindProxy(t *testing.T, s *stage, tabs []string) []string {
	restartService(t, s, tabs)
	s.awaitThat(t, tabs[0], "is connected by server-sent events", func(r record) bool { return r.state.Transport == "sse" })
	return tabs
}
