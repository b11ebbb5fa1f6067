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
	// streamRetryAfter is the Retry-After of a refused stream.
	streamRetryAfter = 5 * time.Second
)

// streamLimiter counts the open event streams. They do not count in the concurrency
// limit of their service.
type streamLimiter struct {
	mu      sync.Mutex
	open    int
	perUser map[domain.UserID]int
}

func newStreamLimiter() *streamLimiter { return &streamLimiter{perUser: map[domain.UserID]int{}} }

// acquire counts a stream of the user; closed must be called once. It returns
// SERVICE_UNAVAILABLE over a limit.
func (s *streamLimiter) acquire(user domain.UserID, service string) (closed func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open >= maxStreams || s.perUser[user] >= maxUserStreams {
		return nil, domain.Unavailable(service, streamRetryAfter).WithOp("httpserver.stream")
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
