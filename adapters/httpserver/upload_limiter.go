package httpserver

import (
	"sync"
	"time"

	"github.com/huleedu/edge/domain"
)

const (
	// maxUserUploads is how many uploads of one user may be under way.
	maxUserUploads = 4
	// retryAfter is the Retry-After of a refused upload.
	retryAfter = time.Second
)

// uploadLimiter counts the uploads in progress, also those that have not reached the
// file service.
type uploadLimiter struct {
	mu      sync.Mutex
	perUser map[domain.UserID]int
}

func newUploadLimiter() *uploadLimiter { return &uploadLimiter{perUser: map[domain.UserID]int{}} }

// acquire counts an upload of the user; leave must be called once. It returns
// SERVICE_UNAVAILABLE over the limit.
func (s *uploadLimiter) acquire(user domain.UserID) (leave func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.perUser[user] >= maxUserUploads {
		return nil, domain.Unavailable(domain.FileService, retryAfter).WithOp("httpserver.upload")
	}
	s.perUser[user]++
	return func() { s.release(user) }, nil
}

func (s *uploadLimiter) release(user domain.UserID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.perUser[user]--
	if s.perUser[user] == 0 {
		delete(s.perUser, user)
	}
}
