package redis

import (
	"context"

	"github.com/huleedu/edge/domain"
)

// checkChannel is the control channel for requests to check a user's connections. The
// payload is the user's id.
const checkChannel = controlPrefix + "ping"

// Reclaim publishes a request to check the user's connections to every node, including
// this one. It does nothing while Redis is known to be unavailable.
func (q *Quota) Reclaim(ctx context.Context, user domain.UserID) {
	if q.unavailable.Load() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, quotaTimeout)
	defer cancel()
	_ = q.rdb.Publish(ctx, checkChannel, string(user)).Err() // the next refusal asks again
}

// check passes a request to check connections to the handler. It ignores a payload that
// is not a user id.
func (s *shard) check(payload string) {
	if user, err := domain.ParseUserID(payload); err == nil {
		s.handler.Check(user)
	}
}
