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
func (e *recordingHandler) Deliver(user domain.UserID, payload []byte) {
	e.mu.Lock()
	e.concurrent = e.concurrent || e.busy[user]
	e.busy[user] = true
	e.mu.Unlock()
	text := string(payload)
	clear(payload)

	e.mu.Lock()
	defer e.mu.Unlock()
	e.busy[user] = false
	e.received[user] = append(e.received[user], text)
	e.notify()
}

// Missed records the gap.
func (e *recordingHandler) Missed(gap domain.Gap) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.gaps = append(e.gaps, gap)
	e.notify()
}

// Disconnect records the user.
func (e *recordingHandler) Disconnect(user domain.UserID) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.disconnects = append(e.disconnects, user)
	e.notify()
}

// Check records the user.
func (e *recordingHandler) Check(user domain.UserID) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.checks = append(e.checks, user)
	e.notify()
}

func (e *recordingHandler) notify() {
	close(e.changed)
	e.changed = make(chan struct{})
}

// await waits for a condition, which it evaluates while it holds the lock.
func (e *recordingHandler) await(t testing.TB, what string, holds func() bool) {
	t.Helper()
	timeout := time.After(waitLimit)
	for {
		e.mu.Lock()
		done, news := holds(), e.changed
		e.mu.Unlock()
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
func (e *recordingHandler) awaitMessages(t testing.TB, user domain.UserID, atLeast int) []string {
	t.Helper()
	e.await(t, "messages for a user", func() bool { return len(e.received[user]) >= atLeast })
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]string{}, e.received[user]...)
}

func (e *recordingHandler) messageCount(user domain.UserID) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.received[user])
}

// awaitGaps waits until each of the users is part of a gap, and returns all gaps.
func (e *recordingHandler) awaitGaps(t testing.TB, users ...domain.UserID) []domain.Gap {
	t.Helper()
	e.await(t, "a gap for each user", func() bool {
		reported := map[domain.UserID]bool{}
		for _, g := range e.gaps {
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
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]domain.Gap{}, e.gaps...)
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
