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

// Admit acquires a lease of the caller's connection quota and subscribes to the
// caller's messages. After nil no message that is published is missed, provided that
// the connection manager already has the session registered; Dismiss must then be
// called once. A failure undoes the steps. Errors: QUOTA_EXCEEDED, CONNECTION_ERROR.
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

// Reclaim asks every node to release the leases of the caller's dead connections. It
// is called after the quota was exceeded.
func (s *Sessions) Reclaim(ctx context.Context, caller domain.Caller) {
	s.quota.Reclaim(ctx, caller.User)
}

// Dismiss undoes Admit, in reverse order.
func (s *Sessions) Dismiss(caller domain.Caller, session string) {
	s.listener.Unfollow(caller.User)
	s.quota.Release(caller.User, session)
}
