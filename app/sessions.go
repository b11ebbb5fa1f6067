package app

import (
	"context"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// Sessions admits callers to live notifications.
type Sessions struct {
	quota    ports.ConnectionQuota
	listener ports.MessageListener
}

// NewSessions returns the use-case over the quota and the subscription.
func NewSessions(quota ports.ConnectionQuota, listener ports.MessageListener) *Sessions {
	return &Sessions{quota: quota, listener: listener}
}

// Admit takes one of the caller's places and follows their messages: when it
// returns nil, nothing published from then on is missed, provided that the
// connection manager already knows where to put it. A failure undoes what was
// done. Errors: QUOTA_EXCEEDED, CONNECTION_ERROR. After success, Dismiss is
// owed exactly once.
func (s *Sessions) Admit(ctx context.Context, caller domain.Caller, session string) error {
	if err := s.quota.Acquire(ctx, caller.User, session); err != nil {
		return err
	}
	if err := s.listener.Follow(ctx, caller.User); err != nil {
		s.quota.Release(caller.User, session)
		return err
	}
	return nil
}

// Reclaim asks every node to free the places of the caller's connections whose
// peers are gone. It is called after the caller was refused a place.
func (s *Sessions) Reclaim(ctx context.Context, caller domain.Caller) {
	s.quota.Reclaim(ctx, caller.User)
}

// Dismiss undoes Admit, in reverse.
func (s *Sessions) Dismiss(caller domain.Caller, session string) {
	s.listener.Unfollow(caller.User)
	s.quota.Release(caller.User, session)
}
