package clients_test

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/harness"
	"github.com/huleedu/edge/test/pause"
	"github.com/huleedu/edge/test/servers"
	"github.com/huleedu/edge/test/world"
)

// stage is what one scenario has: a Redis, a node behind a link, a page for the clients, and a
// user who receives numbered notifications.
type stage struct {
	*driver

	user     string
	redis    *servers.RedisProcess
	platform *world.Platform
	vars     map[string]string
	node     *harness.Program
	link     *link
	url      string // the service's address for clients
	sessions *sessions
	// constructor passes a WebSocket constructor to clients in Node.
	constructor bool
	// options are options of all clients.
	options map[string]any
	// blocked makes the proxy of blockWebSockets refuse upgrades.
	blocked atomic.Bool

	sent   atomic.Int64
	stream sync.WaitGroup
	stop   context.CancelFunc
}

// sessions gives out the tokens of the clients' page.
type sessions struct {
	mu sync.Mutex
	// users holds the user of each session; "" is signed out.
	users map[string]string
	life  time.Duration
	away  bool     // the tokens cannot be had
	asked []string // the reasons
}

func (s *sessions) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	user := s.users[r.FormValue("session")]
	s.asked = append(s.asked, r.FormValue("reason"))
	switch {
	case s.away:
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	case user == "":
		w.WriteHeader(http.StatusNoContent)
		return
	}
	claims := harness.Claims(user)
	claims["exp"], claims["jti"] = time.Now().Add(s.life).Unix(), uuid.NewString()
	_, _ = io.WriteString(w, harness.Sign(claims))
}

// signIn sets the user of a session.
func (s *sessions) signIn(session, user string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.users[session] = user
}

// setAway makes tokens unavailable, or available again.
func (s *sessions) setAway(away bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.away = away
}

// count returns how often a token was requested for the reason.
func (s *sessions) count(reason string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Count(strings.Join(s.asked, " "), reason)
}

// servePages serves the page, the built package and the tokens.
func servePages(t *testing.T, tokens http.Handler) string {
	t.Helper()
	mux := http.NewServeMux()
	mux.Handle("/token", tokens)
	mux.Handle("/dist/", http.StripPrefix("/dist/", http.FileServer(http.Dir(packageDir+"/dist"))))
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<!doctype html><title>client</title>")
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL + "/"
}

// newStage starts the servers, a node and the clients' process.
func newStage(t *testing.T, kind string, c scenario) *stage {
	t.Helper()
	build(t)
	id := uuid.NewString()
	s := &stage{user: "teacher-" + id, sessions: &sessions{users: map[string]string{}, life: time.Hour}}
	s.sessions.signIn(s.user, s.user)
	pages := servePages(t, s.sessions)
	s.redis = servers.OwnRedis(t, "--appendonly", "yes", "--appendfsync", "always")
	kafka := startKafka(t, c.realKafka)
	var err error
	s.platform, err = world.StartPlatform(world.PlatformConfig{KafkaAddr: kafka, RedisURL: s.redis.URL(), Group: "orchestrator-" + id})
	require.NoError(t, err)
	t.Cleanup(s.platform.Close)
	s.vars = harness.Settings(map[string]string{
		"REDIS_URL": s.redis.URL(), "KAFKA_BOOTSTRAP_SERVERS": kafka, "KAFKA_CONSUMER_GROUP": "websocket-" + id,
		"NOTIFICATION_LOG_MAX": "20000", "WEBSOCKET_REFUSED_TOKENS_PER_MINUTE": "0", "CORS_ORIGINS": `["` + pages[:len(pages)-1] + `"]`,
	}, c.vars)
	s.node = s.startNode(t)
	s.link = newLink(t, s.node.Address(t))
	s.url = s.link.url()
	s.driver = startDriver(t, kind, pages)
	return s
}

// startKafka starts a broker of its own: on a shared one a new consumer group reads the streams
// of all scenarios first.
func startKafka(t *testing.T, isReal bool) string {
	t.Helper()
	if isReal {
		return servers.OwnKafka(t).Addr()
	}
	broker, err := world.StartKafka("")
	require.NoError(t, err)
	t.Cleanup(broker.Close)
	return broker.Addr()
}

// startNode starts a notification service and waits until it reads notifications from Kafka.
func (s *stage) startNode(t *testing.T) *harness.Program {
	t.Helper()
	p := harness.Start(t, "websocket", s.vars)
	harness.AwaitReady(t, p.Address(t))
	return p
}

// openTab opens a client of the user.
func (s *stage) openTab(t *testing.T, tab string, options map[string]any) {
	t.Helper()
	all := map[string]any{"url": s.url, "session": s.user}
	maps.Copy(all, s.options)
	maps.Copy(all, options)
	s.do(t, command{Do: "open", Tab: tab, Options: all, Constructor: s.constructor})
	s.awaitStatus(t, tab, "open")
}

// openTabs opens clients of the user and returns their names.
func (s *stage) openTabs(t *testing.T, count int) []string {
	t.Helper()
	tabs := make([]string, count)
	for i := range tabs {
		tabs[i] = fmt.Sprintf("tab %d", i+1)
		s.openTab(t, tabs[i], nil)
	}
	return tabs
}

// startStream sends numbered notifications through Kafka until the stream is ended.
func (s *stage) startStream(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	s.stop = cancel
	s.stream.Go(func() {
		for ; ctx.Err() == nil; pause.For(20*time.Millisecond, "the interval of the stream") {
			n := world.NotificationRequestOf("class_created")
			n.Payload = map[string]any{"n": s.sent.Load() + 1}
			if s.platform.Notify(context.Background(), domain.UserID(s.user), n) == nil {
				s.sent.Add(1)
			}
		}
	})
	t.Cleanup(s.endStream)
}

func (s *stage) endStream() {
	s.stop()
	s.stream.Wait()
}

// awaitFlow waits until a client has received more notifications.
func (s *stage) awaitFlow(t *testing.T, tab string, more int) {
	t.Helper()
	before := len(s.get(tab).received)
	s.awaitThat(t, tab, "more notifications", func(r record) bool { return len(r.received) >= before+more })
}

// verify ends the stream and checks that each client has received every notification from its
// first one on, once and in order. A client that was opened before the stream has number 1.
func (s *stage) verify(t *testing.T, tabs ...string) {
	t.Helper()
	s.endStream()
	sent := int(s.sent.Load())
	require.Positive(t, sent)
	for _, tab := range tabs {
		s.awaitThat(t, tab, "the last notification", func(r record) bool {
			return len(r.received) > 0 && r.received[len(r.received)-1] == sent
		})
		r := s.get(tab)
		for i, n := range r.received {
			require.Equal(t, r.received[0]+i, n, "%s: out of order at %d: %v", tab, i, r.received[max(0, i-3):i+1])
		}
		require.Equal(t, 1, r.received[0], "%s began late", tab)
		t.Logf("%s: sent %d, received %d, in order; gaps announced: %d", tab, sent, len(r.received), len(r.gaps))
	}
}

// publish publishes on a Redis channel.
func (s *stage) publish(t *testing.T, channel, text string) {
	t.Helper()
	c := goredis.NewClient(&goredis.Options{Addr: s.redis.Addr()})
	defer func() { _ = c.Close() }()
	require.NoError(t, c.Publish(t.Context(), channel, text).Err())
}
