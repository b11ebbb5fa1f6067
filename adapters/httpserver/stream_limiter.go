package httpserver

import (
	"sync"
	"time"

	"github.com/huleedu/edge/domain"
)

const (
	// maxStreams is how many event streams of services may be open, maxUserStreams
	// how many of one user.
	maxStreams     = 1024
	maxUserStreams = 16
	// streamRetryAfter is when a client may ask again for whom there was no stream.
	streamRetryAfter = 5 * time.Second
)

// streamLimiter counts the open event streams. They stay open for hours, so they
// do not count among the calls in flight.
type streamLimiter struct {
	mu   sync.Mutex
	open int
	perUser map[domain.UserID]int
}

func newStreamLimiter() *streamLimiter { return &streamLimiter{perUser: map[domain.UserID]int{}} }

// acquire opens a stream to the service for the user; close must be called once. It
// returns SERVICE_UNAVAILABLE for one too many.
func (s *streamLimiter) acquire(user domain.UserID, service string) (closed func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open >= maxStreams || s.perUser[user] >= maxUserStreams {
		return nil, domain.Unavailable(service, streamRetryAfter).At("httpserver.stream")
	}
	s.open++
	s.perUser[user]++
	return func() { s.release(user) }, nil
}

func (s *streamLimiter) release(user domain.UserID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open--
	s.perUser[user]--
	if s.perUser[user] == 0 {
		delete(s.perUser, user)
	}
}
