package delivery

import (
	"context"
	"time"

	"github.com/huleedu/edge/domain"
)

const (
	// maxReplayWorkers is how many logs are read concurrently for sessions that need
	// their next page. A handshake reads its first page itself.
	maxReplayWorkers = 32
	// pageTimeout bounds the reading of one page.
	pageTimeout = 5 * time.Second
	// replayRetryInterval is the time between two attempts to read a log.
	replayRetryInterval = 250 * time.Millisecond
	// maxLogOutage is how long a log may be unreadable before the connection is
	// closed, so that the client reconnects and resumes.
	maxLogOutage = time.Minute
	// subscriptionLag is how long before the last message or probe ahead of a gap a lost message
	// may have been published. The replay begins that much earlier.
	subscriptionLag = 5 * time.Second
	// clockSlack is the longest time between a request to Redis and its execution. The replay
	// begins at most that much before the session was created.
	clockSlack = time.Second
)

// loadMissed reads the first page of what the client missed before the handshake is
// answered. On an error the client can still be refused.
func (s *Session) loadMissed(ctx context.Context, from domain.Position) error {
	if from == "" {
		return nil
	}
	first, at, page, err := s.hub.resume(ctx, s.User, from)
	if err == nil {
		s.perform(s.queue.addPage(first, parseStreamID(at), page))
	}
	return err
}

// deliver queues a message and reports whether it will be sent. If missed is not
// zero, messages since then may be missing, and the log is replayed.
func (s *Session) deliver(m outboundMessage, missed time.Time) bool {
	defer s.Recover()
	if missed.IsZero() {
		return s.enqueue(m)
	}
	return s.replayGap(m, missed)
}

// replayGap replays the log after a gap of the subscription. The announcement is
// sent first unless it is empty.
func (s *Session) replayGap(announcement outboundMessage, since time.Time) bool {
	since = since.Add(-subscriptionLag)
	if earliest := s.createdAt.Add(-clockSlack); since.Before(earliest) {
		since = earliest
	}
	result, next := s.queue.markGap(announcement, since, &s.hub.config)
	return s.handlePut(announcement, result, next)
}

// readPage is a job that reads the next page, and submits itself again when the log
// cannot be read.
func (s *Session) readPage() {
	if s.loadPage() {
		<-time.After(replayRetryInterval)
		s.hub.replays.submit(s.readPage)
	}
}

// loadPage reads the next page. It returns true when the read failed and must be
// repeated.
func (s *Session) loadPage() (again bool) {
	defer s.Recover()
	missing, open := s.queue.missingRange()
	if !open {
		return false
	}
	ctx, cancel := context.WithTimeout(context.Background(), pageTimeout)
	defer cancel()
	page, err := s.hub.catchUp(ctx, s.User, missing)
	switch {
	case err == nil && page.Complete:
		s.perform(s.queue.addPage(nil, streamID{}, page))
		return false
	case err == nil: // the client is so slow that the log was trimmed meanwhile
		s.Abort(ErrSlowConsumer)
		return false
	case time.Since(s.queue.recordFailure(time.Now())) > maxLogOutage:
		s.Abort(err)
		return false
	default:
		return true
	}
}
