package websocket_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	gorilla "github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/huleedu/edge/adapters/internal/httpreason"
	"github.com/huleedu/edge/adapters/memory"
	"github.com/huleedu/edge/adapters/websocket"
	"github.com/huleedu/edge/app"
	"github.com/huleedu/edge/app/delivery"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
	"github.com/huleedu/edge/test/pause"
	"github.com/huleedu/edge/test/recorded"
)

const correlation = "0a8e3f9c-6f0e-4a56-9d0e-2f6f0f6b7c11"

// stubValidator accepts every token as the id of its user, except for some words.
type stubValidator struct {
	expires time.Time
	lasts   time.Duration // how long a token is valid from its validation on, if set
	short   *atomic.Bool  // once true, tokens hold for a moment only
	arrived *atomic.Bool  // once true, all tokens except expired ones are valid
	during  func()        // called while a token is validated
}

func (v stubValidator) Validate(_ context.Context, token string) (domain.Caller, error) {
	if v.during != nil {
		v.during()
	}
	kind, _, _ := strings.Cut(token, ".")
	switch kind {
	case "expired":
		return domain.Caller{}, domain.TokenExpired()
	case "nokeys":
		if v.arrived == nil || !v.arrived.Load() {
			return domain.Caller{}, domain.Unavailable("jwt_keys", time.Second)
		}
	case "key", "not_yet_valid", "signature", "malformed":
		if v.arrived == nil || !v.arrived.Load() {
			return domain.Caller{}, domain.TokenInvalid(domain.Reason(kind))
		}
	}
	expires := v.expires
	if v.lasts > 0 {
		expires = time.Now().Add(v.lasts)
	}
	if v.short != nil && v.short.Load() {
		expires = time.Now().Add(100 * time.Millisecond)
	}
	return domain.Caller{User: domain.UserID(token), Expires: expires}, nil
}

// stubDependencies is a quota and a listener.
type stubDependencies struct {
	mu        sync.Mutex
	leases    map[string]domain.UserID
	followed  map[domain.UserID]int
	limit     int
	reclaimed []domain.UserID // whose connections all nodes were asked to check
	outage    error
	during    func(domain.UserID) // called while a user begins to be followed
	slow      time.Duration       // how long a release takes
}

func newStubDependencies() *stubDependencies {
	return &stubDependencies{leases: map[string]domain.UserID{}, followed: map[domain.UserID]int{}, limit: 1 << 20}
}

func (r *stubDependencies) Acquire(_ context.Context, user domain.UserID, session string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.leases) >= r.limit {
		return domain.TooManyConnections(r.limit)
	}
	r.leases[session] = user
	return nil
}

func (r *stubDependencies) Release(_ domain.UserID, session string) {
	pause.For(r.slow, "the delay of the stub is the input")
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.leases, session)
}

// Reclaim records the user.
func (r *stubDependencies) Reclaim(_ context.Context, user domain.UserID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reclaimed = append(r.reclaimed, user)
}

func (r *stubDependencies) reclaims() []domain.UserID {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.reclaimed)
}

func (r *stubDependencies) setLimit(limit int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.limit = limit
}

func (r *stubDependencies) setOutage(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.outage = err
}

func (r *stubDependencies) Follow(_ context.Context, user domain.UserID) error {
	r.mu.Lock()
	during, err := r.during, r.outage
	r.followed[user]++
	r.mu.Unlock()
	if during != nil {
		during(user)
	}
	if err != nil {
		r.Unfollow(user)
	}
	return err
}

func (r *stubDependencies) Unfollow(user domain.UserID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.followed[user]--
	if r.followed[user] == 0 {
		delete(r.followed, user)
	}
}

// Run does nothing.
func (r *stubDependencies) Run(context.Context, ports.MessageHandler) error { return nil }

// held returns the numbers of leases and of subscribed users.
func (r *stubDependencies) held() (leases, followed int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.leases), len(r.followed)
}

// recorder records facts, and panics once at one kind of them.
type recorder struct {
	memory.Facts
	panicOn  func(domain.Fact) bool
	panicked atomic.Bool
	mute     bool // only count what was sent
	sent     atomic.Int64
}

func (f *recorder) Observe(fact domain.Fact) {
	if f.mute {
		if is[domain.MessageSent](fact) {
			f.sent.Add(1)
		}
		return
	}
	f.Facts.Observe(fact)
	if f.panicOn != nil && f.panicOn(fact) && f.panicked.CompareAndSwap(false, true) {
		panic("observer")
	}
}

// node is a manager and a handler behind a test server.
type node struct {
	manager   *websocket.Manager
	handler   *websocket.Handler
	readiness *app.Readiness
	deps      *stubDependencies
	facts     *recorder
	tokens    stubValidator
	server    *httptest.Server
	log       *recorded.Log
	bus       *memory.Bus
	past      ports.NotificationLog // the bus, unless adjusted
	tracer    trace.TracerProvider
	accepted  func(net.Conn, http.ConnState) // the server calls it when a connection changes its state
	unserved  bool                           // the test serves the handler itself
}

// closes returns the number of connections that ended with a status.
func (n *node) closes(status int) int {
	return n.facts.Count(equals(domain.CloseCodeObserved{Transport: domain.TransportWebSocket, Code: status}))
}

func is[T domain.Fact](fact domain.Fact) bool { _, ok := fact.(T); return ok }

func equals(want domain.Fact) func(domain.Fact) bool {
	return func(fact domain.Fact) bool { return fact == want }
}

// settings returns a configuration with short times.
func settings() websocket.Config {
	return websocket.Config{
		PingInterval: 30 * time.Second, PongTimeout: 75 * time.Second, IdleTimeout: 300 * time.Second,
		CloseOnTokenExpiry: true, DrainTimeout: 10 * time.Second, DrainSpread: 50 * time.Millisecond,
		MaxMessageBytes: 65536, SendQueueMessages: 64, SendQueueBytes: 1 << 20, MaxConnectionsPerUser: 5,
		RedisOutageGrace: time.Minute,
		Origins:          []string{"http://localhost:5173"},
	}
}

func newNode(t testing.TB, c websocket.Config, adjust ...func(*node)) *node {
	t.Helper()
	n := &node{
		readiness: app.NewReadiness(nil, nil), deps: newStubDependencies(), facts: &recorder{},
		tokens: stubValidator{expires: time.Now().Add(time.Hour)}, log: &recorded.Log{}, bus: memory.NewBus(), tracer: noop.NewTracerProvider(),
	}
	n.past = n.bus
	for _, a := range adjust {
		a(n)
	}
	log := slog.New(slog.NewTextHandler(n.log, nil))
	n.readiness.Enter(app.Serving)
	n.manager = websocket.NewManager(c, delivery.Parts{
		Admission: c.NewAdmission(), Quota: n.deps, Listener: n.deps, History: n.past, Observer: n.facts, Log: log,
	}, n.tracer)
	authentication := app.NewAuthentication(n.tokens, memory.NewRateLimiter(), n.facts, c.RefusedTokens())
	h := websocket.NewHandler(n.manager, n.tokens, authentication, n.readiness, "")
	h.SetWaits(20*time.Millisecond, 30*time.Millisecond, 5*time.Millisecond, 100)
	n.handler = h
	if n.unserved {
		return n
	}
	n.server = httptest.NewUnstartedServer(serveHandler(h))
	n.server.Config.ConnState = n.accepted
	n.server.Start()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = n.manager.Drain(ctx)
		n.server.Close()
	})
	return n
}

// serveHandler does what the HTTP adapter does: request context, correlation id,
// error answers.
func serveHandler(h *websocket.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Correlation-ID", correlation)
		r = r.WithContext(domain.WithRequestContext(r.Context(), domain.RequestContext{
			CorrelationID: correlation, Network: "192.0.2.1" + r.Header.Get("X-Test-Network"),
		}))
		_, err := h.Serve(w, r)
		if err == nil {
			return
		}
		status := http.StatusServiceUnavailable
		switch e := domain.As(err); {
		case e.Reason == httpreason.UpgradeRequired:
			status = http.StatusUpgradeRequired
		case e.Code == domain.AuthorizationError:
			status = http.StatusForbidden
		case e.Code == domain.AuthenticationError:
			status = http.StatusUnauthorized
		case e.Code == domain.RateLimit, e.Code == domain.QuotaExceeded:
			status = http.StatusTooManyRequests
		case e.Code == domain.InvalidRequest, e.Code == domain.ValidationError, e.Code == domain.ParsingError:
			status = http.StatusBadRequest
		}
		if e := domain.As(err); e.RetryAfter > 0 {
			w.Header().Set("Retry-After", "2")
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, string(domain.CodeOf(err)))
	})
}

func closeErrorCode(err error) int {
	if closed, ok := errors.AsType[*gorilla.CloseError](err); ok {
		return closed.Code
	}
	return gorilla.CloseAbnormalClosure
}

// drain sets the node to draining.
func (n *node) drain() { n.readiness.Enter(app.Draining) }

func (n *node) url() string { return "ws" + strings.TrimPrefix(n.server.URL, "http") + "/ws" }

// client is the client's end of a connection.
type client struct {
	*gorilla.Conn
	response *http.Response
}

func (n *node) dial(user domain.UserID) (*client, error) {
	return n.dialWith(&gorilla.Dialer{}, "?token="+string(user), nil)
}

func (n *node) dialWith(d *gorilla.Dialer, query string, h http.Header) (*client, error) {
	conn, response, err := d.Dial(n.url()+query, h)
	if response != nil {
		defer func() { _ = response.Body.Close() }()
	}
	if err != nil {
		return &client{response: response}, err
	}
	return &client{Conn: conn, response: response}, nil
}

func (n *node) mustDial(t testing.TB, user domain.UserID) *client {
	t.Helper()
	c, err := n.dial(user)
	require.NoError(t, err)
	t.Cleanup(c.Leave)
	return c
}

// Next reads a message. It returns io.EOF after a close frame.
func (c *client) Next() ([]byte, error) {
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	_, text, err := c.ReadMessage()
	if closed, ok := errors.AsType[*gorilla.CloseError](err); ok && closed.Code != gorilla.CloseAbnormalClosure {
		return nil, errors.Join(io.EOF, err)
	}
	return text, err
}

// Leave closes the connection without a close frame.
func (c *client) Leave() { _ = c.Close() }

// end reads up to the close frame and returns it.
func (c *client) end(t testing.TB) *gorilla.CloseError {
	t.Helper()
	for {
		_, err := c.Next()
		if err == nil {
			continue
		}
		closed, ok := errors.AsType[*gorilla.CloseError](err)
		require.True(t, ok, "ended without a close frame: %v", err)
		return closed
	}
}

// awaitReleased waits until the node holds no connection and no resource of one.
func (n *node) awaitReleased(t testing.TB) {
	t.Helper()
	require.Eventually(t, func() bool {
		leases, followed := n.deps.held()
		return leases == 0 && followed == 0 && n.manager.Total() == 0
	}, 10*time.Second, 2*time.Millisecond)
}

// awaitClean is awaitReleased, and waits until the end of each accepted connection is observed.
func (n *node) awaitClean(t testing.TB) {
	t.Helper()
	n.awaitReleased(t)
	require.Eventually(t, func() bool {
		return n.facts.Count(is[domain.ConnectionAccepted]) == n.facts.Count(is[domain.ConnectionEnded])
	}, 10*time.Second, 2*time.Millisecond)
}
