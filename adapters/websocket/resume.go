package websocket

import (
	"context"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/huleedu/edge/domain"
)

const (
	// readers is how many logs are read at once for sessions that go on with
	// their next page, or that a break of the subscription has left behind. A
	// handshake reads its first page by itself.
	readers = 32
	// readLimit bounds the reading of one page.
	readLimit = 5 * time.Second
	// standLimit bounds the reading of a log's position during a handshake.
	standLimit = time.Second
	// retryPause is between two attempts of a reader that has failed.
	retryPause = 250 * time.Millisecond
	// troubleLimit is how long a log may be unreadable before its client is sent
	// away, to come back and resume.
	troubleLimit = time.Minute
	// lag covers what had been published, but was not heard yet, when the last
	// sign of life before a break came.
	lag = 5 * time.Second
	// slack covers that Redis learns of a question later than it is asked.
	slack = time.Second
)

// resumeFrom is the position that the client names; empty without one.
func resumeFrom(query url.Values) (domain.Position, error) {
	asked := query["last_event_id"]
	if strings.Join(asked, "") == "" {
		return "", nil
	}
	return domain.ParsePosition(strings.Join(asked, " ")) // two are none
}

// stand notes the position of the log of a client that names none, so that a
// later break of the subscription is made good from there. It must be called
// before the user is followed: a message that is on its way by then lies behind
// the position. When the log cannot be read, time decides later.
func (s *session) stand(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, standLimit)
	defer cancel()
	if at, err := s.history.Position(ctx, s.caller.User); err == nil {
		s.box.stand(at)
	}
}

// resume loads what the client missed, or the first page of it, before the
// handshake is answered: when that fails, the client can still be refused.
func (s *session) resume(ctx context.Context, from domain.Position) error {
	if from == "" {
		return nil
	}
	r, err := s.history.Resume(ctx, s.caller.User, from)
	if err != nil {
		return err
	}
	s.proceed(s.box.feed(r.Frame, markAt(r.At), r.Replay))
	return nil
}

// take puts a message into the mailbox, and brings the session up to date if
// others may have been missed since the time given.
func (s *session) take(l letter, missed time.Time) bool {
	defer s.survive()
	if missed.IsZero() {
		return s.post(l)
	}
	return s.miss(l, missed)
}

// miss brings the session up to date after a break of the subscription, and
// announces it unless the letter is empty.
func (s *session) miss(announcement letter, since time.Time) bool {
	since = since.Add(-lag)
	if earliest := s.born.Add(-slack); since.Before(earliest) {
		since = earliest
	}
	what, next := s.box.miss(announcement, since, &s.manager.config)
	return s.posted(announcement, what, next)
}

// refill reads the next page. It reports whether to try again later.
func (s *session) refill() (again bool) {
	defer s.survive()
	hole, open := s.box.hole()
	if !open {
		return false
	}
	ctx, cancel := context.WithTimeout(context.Background(), readLimit)
	defer cancel()
	page, err := s.history.CatchUp(ctx, s.caller.User, hole)
	switch {
	case err == nil && page.Complete:
		s.proceed(s.box.feed(nil, mark{}, page))
		return false
	case err == nil: // trimmed under the feet of a client that takes too long
		s.cut(TooSlow.Close())
		return false
	case time.Since(s.box.failed(time.Now())) > troubleLimit:
		s.cut(closeFor(err))
		return false
	default:
		return true
	}
}

// feeder reads logs for any number of sessions with few goroutines, which are
// there only while there is work. The gate counts the work.
type feeder struct {
	mu      sync.Mutex
	queue   []*session
	working int
}

func (f *feeder) add(s *session) {
	s.manager.gate.also()
	f.push(s)
}

func (f *feeder) push(s *session) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.queue = append(f.queue, s)
	if f.working < readers {
		f.working++
		go f.work()
	}
}

func (f *feeder) work() {
	for s := f.pop(); s != nil; s = f.pop() {
		if s.refill() {
			<-time.After(retryPause)
			f.push(s)
			continue
		}
		s.manager.gate.done()
	}
}

// pop returns nil when there is no work, which ends the worker.
func (f *feeder) pop() *session {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.queue) == 0 {
		f.queue = nil
		f.working--
		return nil
	}
	s := f.queue[0]
	f.queue[0] = nil
	f.queue = f.queue[1:]
	return s
}
