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
	// maxReplayWorkers is how many logs are read at once for sessions that go on with
	// their next page, or that a break of the subscription has left behind. A
	// handshake reads its first page by itself.
	maxReplayWorkers = 32
	// pageTimeout bounds the reading of one page.
	pageTimeout = 5 * time.Second
	// positionTimeout bounds the reading of a log's position during a handshake.
	positionTimeout = time.Second
	// replayRetryInterval is between two attempts of a reader that has failed.
	replayRetryInterval = 250 * time.Millisecond
	// maxLogOutage is how long a log may be unreadable before its client is sent
	// away, to come back and resume.
	maxLogOutage = time.Minute
	// subscriptionLag covers what had been published, but was not heard yet, when the last
	// sign of life before a break came.
	subscriptionLag = 5 * time.Second
	// clockSlack covers that Redis learns of a question later than it is asked.
	clockSlack = time.Second
)

// requestedPosition is the position that the client names; empty without one.
func requestedPosition(query url.Values) (domain.Position, error) {
	asked := query["last_event_id"]
	if strings.Join(asked, "") == "" {
		return "", nil
	}
	return domain.ParsePosition(strings.Join(asked, " ")) // two are none
}

// notePosition notes the position of the log of a client that names none, so that a
// later break of the subscription is made good from there. It must be called
// before the user is followed: a message that is on its way by then lies behind
// the position. When the log cannot be read, time decides later.
func (s *session) notePosition(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, positionTimeout)
	defer cancel()
	if at, err := s.history.Position(ctx, s.caller.User); err == nil {
		s.queue.setPosition(at)
	}
}

// loadMissed loads what the client missed, or the first page of it, before the
// handshake is answered: when that fails, the client can still be refused.
func (s *session) loadMissed(ctx context.Context, from domain.Position) error {
	if from == "" {
		return nil
	}
	r, err := s.history.Resume(ctx, s.caller.User, from)
	if err != nil {
		return err
	}
	s.perform(s.queue.addPage(r.Frame, parseStreamID(r.At), r.Replay))
	return nil
}

// deliver puts a message into the mailbox, and brings the session up to date if
// others may have been missed since the time given.
func (s *session) deliver(l outboundMessage, missed time.Time) bool {
	defer s.recoverPanic()
	if missed.IsZero() {
		return s.enqueue(l)
	}
	return s.replayGap(l, missed)
}

// replayGap brings the session up to date after a break of the subscription, and
// announces it unless the letter is empty.
func (s *session) replayGap(announcement outboundMessage, since time.Time) bool {
	since = since.Add(-subscriptionLag)
	if earliest := s.createdAt.Add(-clockSlack); since.Before(earliest) {
		since = earliest
	}
	what, next := s.queue.markGap(announcement, since, &s.manager.config)
	return s.handlePut(announcement, what, next)
}

// loadPage reads the next page. It reports whether to try again later.
func (s *session) loadPage() (again bool) {
	defer s.recoverPanic()
	hole, open := s.queue.missingRange()
	if !open {
		return false
	}
	ctx, cancel := context.WithTimeout(context.Background(), pageTimeout)
	defer cancel()
	page, err := s.history.CatchUp(ctx, s.caller.User, hole)
	switch {
	case err == nil && page.Complete:
		s.perform(s.queue.addPage(nil, streamID{}, page))
		return false
	case err == nil: // trimmed under the feet of a client that takes too long
		s.abort(SlowConsumer.Close())
		return false
	case time.Since(s.queue.recordFailure(time.Now())) > maxLogOutage:
		s.abort(closeForError(err))
		return false
	default:
		return true
	}
}

// replayWorkers reads logs for any number of sessions with few goroutines, which are
// there only while there is work. The gate counts the work.
type replayWorkers struct {
	mu      sync.Mutex
	queue   []*session
	running int
}

func (f *replayWorkers) submit(s *session) {
	s.manager.admission.addWork()
	f.push(s)
}

func (f *replayWorkers) push(s *session) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.queue = append(f.queue, s)
	if f.running < maxReplayWorkers {
		f.running++
		go f.run()
	}
}

func (f *replayWorkers) run() {
	for s := f.pop(); s != nil; s = f.pop() {
		if s.loadPage() {
			<-time.After(replayRetryInterval)
			f.push(s)
			continue
		}
		s.manager.admission.workDone()
	}
}

// pop returns nil when there is no work, which ends the worker.
func (f *replayWorkers) pop() *session {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.queue) == 0 {
		f.queue = nil
		f.running--
		return nil
	}
	s := f.queue[0]
	f.queue[0] = nil
	f.queue = f.queue[1:]
	return s
}
