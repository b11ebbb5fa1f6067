package memory

import (
	"context"
	"slices"
	"sync"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// Limits bounds what one process lets a user have. It is also what a node falls
// back to when it cannot ask the others.
type Limits struct {
	perUser int

	mu       sync.Mutex
	sessions map[domain.UserID][]string // few each, and mostly one
}

var _ ports.ConnectionQuota = (*Limits)(nil)

// NewLimits returns limits of so many sessions a user; zero admits nobody.
func NewLimits(perUser int) *Limits {
	return &Limits{perUser: perUser, sessions: map[domain.UserID][]string{}}
}

// Acquire takes a place for the session; one that has a place keeps it.
func (l *Limits) Acquire(_ context.Context, user domain.UserID, session string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	held := l.sessions[user]
	if slices.Contains(held, session) {
		return nil
	}
	if len(held) >= l.perUser {
		return domain.TooManyConnections(l.perUser).At("memory.Acquire")
	}
	l.sessions[user] = append(slices.Clip(held), session)
	return nil
}

// Reclaim does nothing: there is no other node, and who holds this node's
// connections checks them without being asked.
func (l *Limits) Reclaim(context.Context, domain.UserID) {}

// Release gives the session's place back.
func (l *Limits) Release(user domain.UserID, session string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	rest := slices.DeleteFunc(l.sessions[user], func(held string) bool { return held == session })
	if l.sessions[user] = rest; len(rest) == 0 {
		delete(l.sessions, user)
	}
}
