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

// patience bounds every wait for something that must happen.
const patience = 20 * time.Second

// ear is a handler that keeps what it is handed.
type ear struct {
	mu    sync.Mutex
	heard map[domain.UserID][]string
	gaps  []domain.Gap
	gone  []domain.UserID // whom an operator wanted gone
	asked []domain.UserID // whose connections are to be checked
	news  chan struct{}
	busy  map[domain.UserID]bool
	twice bool // a user's messages came two at a time
}

func newEar() *ear {
	return &ear{
		heard: map[domain.UserID][]string{}, busy: map[domain.UserID]bool{},
		news: make(chan struct{}),
	}
}

// Deliver keeps the message and spoils the payload, which is the handler's own.
func (e *ear) Deliver(user domain.UserID, payload []byte) {
	e.mu.Lock()
	e.twice = e.twice || e.busy[user]
	e.busy[user] = true
	e.mu.Unlock()
	text := string(payload)
	clear(payload)

	e.mu.Lock()
	defer e.mu.Unlock()
	e.busy[user] = false
	e.heard[user] = append(e.heard[user], text)
	e.tell()
}

// Missed keeps the gap.
func (e *ear) Missed(gap domain.Gap) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.gaps = append(e.gaps, gap)
	e.tell()
}

// Disconnect keeps whom an operator wants gone.
func (e *ear) Disconnect(user domain.UserID) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.gone = append(e.gone, user)
	e.tell()
}

// Check keeps whose connections are to be checked.
func (e *ear) Check(user domain.UserID) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.asked = append(e.asked, user)
	e.tell()
}

func (e *ear) tell() {
	close(e.news)
	e.news = make(chan struct{})
}

// until waits for a condition on what was heard, which it looks at under lock.
func (e *ear) until(t testing.TB, what string, holds func() bool) {
	t.Helper()
	timeout := time.After(patience)
	for {
		e.mu.Lock()
		done, news := holds(), e.news
		e.mu.Unlock()
		if done {
			return
		}
		select {
		case <-news:
		case <-timeout:
			require.FailNow(t, "never happened: "+what)
		}
	}
}

// messages waits for so many messages of the user and returns all there are.
func (e *ear) messages(t testing.TB, user domain.UserID, atLeast int) []string {
	t.Helper()
	e.until(t, "messages for a user", func() bool { return len(e.heard[user]) >= atLeast })
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]string{}, e.heard[user]...)
}

func (e *ear) count(user domain.UserID) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.heard[user])
}

// missed waits until each of the users was told of a gap, and returns all gaps.
func (e *ear) missed(t testing.TB, users ...domain.UserID) []domain.Gap {
	t.Helper()
	e.until(t, "a gap for each user", func() bool {
		told := map[domain.UserID]bool{}
		for _, g := range e.gaps {
			for _, u := range g.Users {
				told[u] = true
			}
		}
		for _, u := range users {
			if !told[u] {
				return false
			}
		}
		return true
	})
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]domain.Gap{}, e.gaps...)
}

// listen runs the listener until the test ends, and returns how to end it
// earlier; it ends without an error.
func listen(t testing.TB, l ports.MessageListener, h ports.MessageHandler) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- l.Run(ctx, h) }()
	stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-ended:
			require.NoError(t, err)
		case <-time.After(patience):
			require.FailNow(t, "Run does not end")
		}
	})
	t.Cleanup(stop)
	return stop
}

// Recorder returns an observer that keeps every fact, for adapters whose suite
// runs in a package that may not know the memory adapters.
func Recorder() *memory.Facts { return &memory.Facts{} }

// requireFailure is requireCode for a test that only asks for the code.
func requireFailure(t testing.TB, err error, code domain.Code) {
	t.Helper()
	_ = requireCode(t, err, code)
}
