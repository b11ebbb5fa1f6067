package delivery

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/huleedu/edge/adapters/memory"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// fakeDependencies is a quota and a listener that records its calls in order.
type fakeDependencies struct {
	mu        sync.Mutex
	calls     []string
	quotaErr  error
	followErr error
}

func (f *fakeDependencies) record(call string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, call)
}

func (f *fakeDependencies) recorded() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string{}, f.calls...)
}

func (f *fakeDependencies) Acquire(_ context.Context, user domain.UserID, session string) error {
	f.record("acquire " + string(user) + " " + session)
	return f.quotaErr
}

func (f *fakeDependencies) Release(user domain.UserID, session string) {
	f.record("release " + string(user) + " " + session)
}

func (f *fakeDependencies) Reclaim(_ context.Context, user domain.UserID) {
	f.record("reclaim " + string(user))
}

func (f *fakeDependencies) Follow(_ context.Context, user domain.UserID) error {
	f.record("follow " + string(user))
	return f.followErr
}

func (f *fakeDependencies) Unfollow(user domain.UserID) { f.record("unfollow " + string(user)) }

// Run does nothing.
func (*fakeDependencies) Run(context.Context, ports.MessageHandler) error { return nil }

// fakeConnection records what a session sends. While blocked it takes one message
// and does not complete it.
type fakeConnection struct {
	session *Session
	blocked bool

	mu      sync.Mutex
	sent    []string
	closing []error // the reasons of the Closing calls
	checked int
	// closed and aborted have an element for each call of Close and Abort.
	closed  chan error
	aborted chan struct{}
}

func newFakeConnection() *fakeConnection {
	return &fakeConnection{closed: make(chan error, 10), aborted: make(chan struct{}, 10)}
}

func (c *fakeConnection) TrySend(f Frame) (sent bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sent = append(c.sent, string(f.Payload))
	return !c.blocked
}

func (c *fakeConnection) Closing(reason error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closing = append(c.closing, reason)
}

func (c *fakeConnection) Close(reason error) (sent bool) {
	c.closed <- reason
	return true
}

func (c *fakeConnection) Abort() { c.aborted <- struct{}{} }

// Check counts the calls.
func (c *fakeConnection) Check() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.checked++
}

func (c *fakeConnection) messages() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string{}, c.sent...)
}

func (c *fakeConnection) reasons() []error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]error{}, c.closing...)
}

// testHub is a hub with fake dependencies.
type testHub struct {
	*Hub
	deps  *fakeDependencies
	bus   *memory.Bus
	log   *breakableLog // of the bus
	facts *memory.Facts
}

func newTestHub(c Config) *testHub {
	h := &testHub{deps: &fakeDependencies{}, bus: memory.NewBus(), facts: &memory.Facts{}}
	h.log = &breakableLog{NotificationLog: h.bus}
	h.Hub = NewHub(c, Parts{
		Admission: NewAdmission(0, nil), Quota: h.deps, Listener: h.deps, History: h.log, Observer: h.facts, Transport: domain.TransportSSE, Log: slog.New(slog.DiscardHandler),
	})
	return h
}

// open opens a session of the user on a connection; attach completes its handshake.
func (h *testHub) open(t *testing.T, user domain.UserID, conn *fakeConnection) *Session {
	t.Helper()
	h.Enter()
	s, err := h.Open(t.Context(), SessionRequest{User: user, ID: "s1", Conn: conn})
	if err != nil {
		t.Fatal(err)
	}
	conn.session = s
	return s
}

// end ends the connection of a session as a transport does.
func (h *testHub) end(s *Session) {
	s.Stop(ErrRestart)
	s.End()
	h.Leave()
}

var errUnreadable = errors.New("the log cannot be read")

// breakableLog is a log that cannot be read while it is broken.
type breakableLog struct {
	ports.NotificationLog
	broken atomic.Bool
}

func (l *breakableLog) Since(ctx context.Context, user domain.UserID, after domain.Position) (domain.Replay, error) {
	if l.broken.Load() {
		return domain.Replay{}, errUnreadable
	}
	return l.NotificationLog.Since(ctx, user, after)
}

// factsOf returns the facts of one type.
func factsOf[T domain.Fact](h *testHub) (out []T) {
	for _, fact := range h.facts.All() {
		if typed, ok := fact.(T); ok {
			out = append(out, typed)
		}
	}
	return out
}
