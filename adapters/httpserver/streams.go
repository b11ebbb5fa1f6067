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
	// streamWait is when a client may ask again for whom there was no stream.
	streamWait = 5 * time.Second
)

// streamShares counts the open event streams. They stay open for hours, so they
// do not count among the calls in flight.
type streamShares struct {
	mu   sync.Mutex
	open int
	held map[domain.UserID]int
}

func newStreamShares() *streamShares { return &streamShares{held: map[domain.UserID]int{}} }

// take opens a stream to the service for the user; close must be called once. It
// returns SERVICE_UNAVAILABLE for one too many.
func (s *streamShares) take(user domain.UserID, service string) (closed func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open >= maxStreams || s.held[user] >= maxUserStreams {
		return nil, domain.Unavailable(service, streamWait).At("httpserver.stream")
	}
	s.open++
	s.held[user]++
	return func() { s.give(user) }, nil
}

func (s *streamShares) give(user domain.UserID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open--
	s.held[user]--
	if s.held[user] == 0 {
		delete(s.held, user)
	}
}
