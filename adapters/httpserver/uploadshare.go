package httpserver

import (
	"sync"
	"time"

	"github.com/huleedu/edge/domain"
)

const (
	// maxUserUploads is how many uploads of one user may be under way.
	maxUserUploads = 4
	// shareWait is when a user with too many may try again.
	shareWait = time.Second
)

// uploadShares counts the uploads under way, each from its first byte here:
// one that never sends enough to reach the file service counts as well.
type uploadShares struct {
	mu   sync.Mutex
	held map[domain.UserID]int
}

func newUploadShares() *uploadShares { return &uploadShares{held: map[domain.UserID]int{}} }

// take begins an upload of the user's. It returns SERVICE_UNAVAILABLE for one
// too many; else leave is owed once.
func (s *uploadShares) take(user domain.UserID) (leave func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held[user] >= maxUserUploads {
		return nil, domain.Unavailable(domain.FileService, shareWait).At("httpserver.upload")
	}
	s.held[user]++
	return func() { s.give(user) }, nil
}

func (s *uploadShares) give(user domain.UserID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held[user]--
	if s.held[user] == 0 {
		delete(s.held, user)
	}
}
