package memory

import (
	"context"
	"slices"
	"sync"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// Quota limits the sessions of each user in this process. A node also uses it as the
// fallback when Redis is unavailable.
type Quota struct {
	perUser int

	mu       sync.Mutex
	sessions map[domain.UserID][]string // mostly one per user
}

var _ ports.ConnectionQuota = (*Quota)(nil)

// NewQuota returns a quota of perUser sessions per user; 0 admits no session.
func NewQuota(perUser int) *Quota {
	return &Quota{perUser: perUser, sessions: map[domain.UserID][]string{}}
}

// Acquire admits a session. A session that is already admitted counts once.
func (l *Quota) Acquire(_ context.Context, user domain.UserID, session string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	held := l.sessions[user]
	if slices.Contains(held, session) {
		return nil
	}
	if len(held) >= l.perUser {
		return domain.TooManyConnections(l.perUser).WithOp("memory.Acquire")
	}
	l.sessions[user] = append(slices.Clip(held), session)
	return nil
}

// Reclaim does nothing: there is no other node that could hold a stale session.
func (l *Quota) Reclaim(context.Context, domain.UserID) {}

// Release removes a session. It ignores an unknown session.
func (l *Quota) Release(user domain.UserID, session string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	rest := slices.DeleteFunc(l.sessions[user], func(held string) bool { return held == session })
	if l.sessions[user] = rest; len(rest) == 0 {
		delete(l.sessions, user)
	}
}
