package redis

import (
	"context"

	"github.com/huleedu/edge/domain"
)

// checkChannel carries the ids of users whose connections every node is asked to
// check.
const checkChannel = controlPrefix + "ping"

// Reclaim publishes the user's id for every node, this one included. While Redis
// is known to be away it does nothing.
func (q *Quota) Reclaim(ctx context.Context, user domain.UserID) {
	if q.unavailable.Load() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, quotaTimeout)
	defer cancel()
	_ = q.rdb.Publish(ctx, checkChannel, string(user)).Err() // the next refusal asks again
}

// check passes a request to check connections on; a payload that is not a user
// id is ignored.
func (s *shard) check(payload string) {
	if user, err := domain.ParseUserID(payload); err == nil {
		s.handler.Check(user)
	}
}
