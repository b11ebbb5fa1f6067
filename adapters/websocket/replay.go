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
	// maxReplayWorkers is how many logs are read concurrently for sessions that need
	// their next page. A handshake reads its first page itself.
	maxReplayWorkers = 32
	// pageTimeout bounds the reading of one page.
	pageTimeout = 5 * time.Second
	// positionTimeout bounds the reading of a log's position during a handshake.
	positionTimeout = time.Second
	// replayRetryInterval is the time between two attempts to read a log.
	replayRetryInterval = 250 * time.Millisecond
	// maxLogOutage is how long a log may be unreadable before the connection is
	// closed, so that the client reconnects and resumes.
	maxLogOutage = time.Minute
	// subscriptionLag covers messages that were published, but not received, when
	// the last message or probe before a gap arrived.
	subscriptionLag = 5 * time.Second
	// clockSlack covers the time between a request to Redis and its execution.
	clockSlack = time.Second
)

// requestedPosition returns the position in the query; empty without one.
func requestedPosition(query url.Values) (domain.Position, error) {
	asked := query["last_event_id"]
	if strings.Join(asked, "") == "" {
		return "", nil
	}
	return domain.ParsePosition(strings.Join(asked, " ")) // two positions are not a valid one
}

// notePosition records the position of the log for a client that names none, so that
// a later gap is replayed from there. It must be called before the subscription: a
// message that arrives after it lies behind the position. When the log cannot be
// read, a gap is replayed by time.
func (s *session) notePosition(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, positionTimeout)
	defer cancel()
	if at, err := s.history.Position(ctx, s.caller.User); err == nil {
		s.queue.setPosition(at)
	}
}

// loadMissed reads the first page of what the client missed before the handshake is
// answered. On an error the client can still be refused.
func (s *session) loadMissed(ctx context.Context, from domain.Position) error {
	if from == "" {
		return nil
	}
	r, err := s.history.Resume(ctx, s.caller.User, from)
	if err != nil {
		return err
	}
	s.perform(s.queue.addPage(r.Frame, parseStreamID(r.Position), r.Replay))
	return nil
}

// deliver queues a message and reports whether it will be sent. If missed is not
// zero, messages since then may be missing, and the log is replayed.
func (s *session) deliver(l outboundMessage, missed time.Time) bool {
	defer s.recoverPanic()
	if missed.IsZero() {
		return s.enqueue(l)
	}
	return s.replayGap(l, missed)
}

// replayGap replays the log after a gap of the subscription. The announcement is
// sent first unless it is empty.
func (s *session) replayGap(announcement outboundMessage, since time.Time) bool {
	since = since.Add(-subscriptionLag)
	if earliest := s.createdAt.Add(-clockSlack); since.Before(earliest) {
		since = earliest
	}
	what, next := s.queue.markGap(announcement, since, &s.manager.config)
	return s.handlePut(announcement, what, next)
}

// loadPage reads the next page. It returns true when the read failed and must be
// repeated.
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
	case err == nil: // the client is so slow that the log was trimmed meanwhile
		s.abort(SlowConsumer.Close())
		return false
	case time.Since(s.queue.recordFailure(time.Now())) > maxLogOutage:
		s.abort(closeForError(err))
		return false
	default:
		return true
	}
}

// replayWorkers reads logs for any number of sessions with at most maxReplayWorkers
// goroutines, which run only while there is work. Admission counts the work.
type replayWorkers struct {
	mu      sync.Mutex
	queue   []*session
	running int
}

// submit queues a session whose next page must be read. It does not block.
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

// run reads pages until the queue is empty.
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

// pop returns the next session; nil when the queue is empty, which ends the
// goroutine.
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
