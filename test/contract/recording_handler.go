package contract

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/memory"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// waitLimit limits every wait.
const waitLimit = 20 * time.Second

// recordingHandler is a handler that records all calls.
type recordingHandler struct {
	mu          sync.Mutex
	received    map[domain.UserID][]string
	gaps        []domain.Gap
	disconnects []domain.UserID // users of the Disconnect calls
	checks      []domain.UserID // users of the Check calls
	changed     chan struct{}
	busy        map[domain.UserID]bool
	concurrent  bool // set when a user's messages were delivered concurrently
}

func newRecordingHandler() *recordingHandler {
	return &recordingHandler{
		received: map[domain.UserID][]string{}, busy: map[domain.UserID]bool{},
		changed: make(chan struct{}),
	}
}

// Deliver records the message and then clears the payload, which the handler owns.
func (r *recordingHandler) Deliver(user domain.UserID, payload []byte) {
	r.mu.Lock()
	r.concurrent = r.concurrent || r.busy[user]
	r.busy[user] = true
	r.mu.Unlock()
	text := string(payload)
	clear(payload)

	r.record(func() {
		r.busy[user] = false
		r.received[user] = append(r.received[user], text)
	})
}

// Missed records the gap.
func (r *recordingHandler) Missed(gap domain.Gap) { r.record(func() { r.gaps = append(r.gaps, gap) }) }

// Disconnect records the user.
func (r *recordingHandler) Disconnect(user domain.UserID) {
	r.record(func() { r.disconnects = append(r.disconnects, user) })
}

// Check records the user.
func (r *recordingHandler) Check(user domain.UserID) {
	r.record(func() { r.checks = append(r.checks, user) })
}

// record changes what is recorded and wakes those that wait for it.
func (r *recordingHandler) record(change func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change()
	close(r.changed)
	r.changed = make(chan struct{})
}

// await waits for a condition, which it evaluates while it holds the lock.
func (r *recordingHandler) await(t testing.TB, what string, holds func() bool) {
	t.Helper()
	timeout := time.After(waitLimit)
	for {
		r.mu.Lock()
		done, news := holds(), r.changed
		r.mu.Unlock()
		if done {
			return
		}
		select {
		case <-news:
		case <-timeout:
			require.FailNow(t, "timeout: "+what)
		}
	}
}

// awaitMessages waits for a number of messages of the user and returns all messages.
func (r *recordingHandler) awaitMessages(t testing.TB, user domain.UserID, atLeast int) []string {
	t.Helper()
	r.await(t, "messages for a user", func() bool { return len(r.received[user]) >= atLeast })
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string{}, r.received[user]...)
}

func (r *recordingHandler) messageCount(user domain.UserID) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.received[user])
}

// awaitGaps waits until each of the users is part of a gap, and returns all gaps.
func (r *recordingHandler) awaitGaps(t testing.TB, users ...domain.UserID) []domain.Gap {
	t.Helper()
	r.await(t, "a gap for each user", func() bool {
		reported := map[domain.UserID]bool{}
		for _, g := range r.gaps {
			for _, u := range g.Users {
				reported[u] = true
			}
		}
		for _, u := range users {
			if !reported[u] {
				return false
			}
		}
		return true
	})
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]domain.Gap{}, r.gaps...)
}

// cancelled returns a cancelled context.
func cancelled(t testing.TB) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

// runListener runs the listener until the test ends. stop ends it earlier. Run must return
// nil.
func runListener(t testing.TB, l ports.MessageListener, h ports.MessageHandler) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- l.Run(ctx, h) }()
	stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-ended:
			require.NoError(t, err)
		case <-time.After(waitLimit):
			require.FailNow(t, "Run did not return")
		}
	})
	t.Cleanup(stop)
	return stop
}

// NewFacts returns an observer that records all facts, for suites in packages that may
// not import the memory adapters.
func NewFacts() *memory.Facts { return &memory.Facts{} }

// requireFailure calls requireCode and discards the error.
func requireFailure(t testing.TB, err error, code domain.Code) {
	t.Helper()
	_ = requireCode(t, err, code)
}
