package proxy

import (
	"sync"

	"github.com/huleedu/edge/domain"
)

// UserLimiter bounds what is in progress at the same time, in all and for each user. It
// is safe for concurrent use.
type UserLimiter struct {
	max, perUser int

	mu    sync.Mutex
	total int
	users map[domain.UserID]int
}

// NewUserLimiter creates a limiter for at most total in all and perUser for each user.
func NewUserLimiter(total, perUser int) *UserLimiter {
	return &UserLimiter{max: total, perUser: perUser, users: map[domain.UserID]int{}}
}

// Acquire counts one more of the user; release must be called once. It returns false
// over a limit.
func (l *UserLimiter) Acquire(user domain.UserID) (release func(), ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.total >= l.max || l.users[user] >= l.perUser {
		return nil, false
	}
	l.total++
	l.users[user]++
	return func() { l.release(user) }, true
}

func (l *UserLimiter) release(user domain.UserID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.total--
	l.users[user]--
	if l.users[user] == 0 {
		delete(l.users, user)
	}
}
