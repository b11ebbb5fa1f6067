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
func (q *Quota) Acquire(_ context.Context, user domain.UserID, session string) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	held := q.sessions[user]
	if slices.Contains(held, session) {
		return nil
	}
	if len(held) >= q.perUser {
		return domain.TooManyConnections(q.perUser).WithOp("memory.Acquire")
	}
	q.sessions[user] = append(slices.Clip(held), session)
	return nil
}

// Reclaim does nothing: there is no other node that could hold a stale session.
func (q *Quota) Reclaim(context.Context, domain.UserID) {}

// Release removes a session. It ignores an unknown session.
func (q *Quota) Release(user domain.UserID, session string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	rest := slices.DeleteFunc(q.sessions[user], func(held string) bool { return held == session })
	if q.sessions[user] = rest; len(rest) == 0 {
		delete(q.sessions, user)
	}
}
