package redis

import (
	"context"
	"slices"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/huleedu/edge/domain"
)

// disconnectChannel carries the ids of users whom an operator wants gone.
const disconnectChannel = controlPrefix + "disconnect"

// listScript reads the leases that hold.
//
// KEYS: the user's leases.
const listScript = clockLua + `
return redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. now, '+inf')
`

// Operator is what a person does to the users of all nodes, through Redis
// alone: no node needs to be reached, and none has a door for it.
type Operator struct {
	rdb     goredis.UniversalClient
	timeout time.Duration
	list    *goredis.Script
}

// NewOperator returns an operator on the client's Redis.
func NewOperator(c *Client) *Operator {
	return &Operator{rdb: c.rdb, timeout: c.timeout, list: goredis.NewScript(listScript)}
}

// Disconnect tells every node to close the user's sockets for good. It does
// not wait for it: Sessions tells. A node that has lost Redis does not hear it.
// Errors: CONNECTION_ERROR, TIMEOUT, SERVICE_UNAVAILABLE.
func (o *Operator) Disconnect(ctx context.Context, user domain.UserID) error {
	if err := o.rdb.Publish(ctx, disconnectChannel, string(user)).Err(); err != nil {
		return redisError("redis.Disconnect", err, o.timeout)
	}
	return nil
}

// Publish publishes a frame on the user's channel, as other services do: who is not
// connected at this moment never gets it. Errors as for Disconnect.
func (o *Operator) Publish(ctx context.Context, p ChannelPrefix, user domain.UserID, frame []byte) error {
	if err := o.rdb.Publish(ctx, p.channel(user), frame).Err(); err != nil {
		return redisError("redis.Tell", err, o.timeout)
	}
	return nil
}

// Sessions returns the sockets that the user has on all nodes, longest first.
// Those of a killed node stay up to 30 s. Errors as for Disconnect.
func (o *Operator) Sessions(ctx context.Context, user domain.UserID) ([]domain.Session, error) {
	members, err := o.list.Run(ctx, o.rdb, []string{quotaKey(user)}).StringSlice()
	if err != nil {
		return nil, redisError("redis.Sessions", err, o.timeout)
	}
	out := make([]domain.Session, 0, len(members))
	for _, member := range members {
		out = append(out, readMember(member))
	}
	slices.SortStableFunc(out, func(a, b domain.Session) int { return a.Since.Compare(b.Since) })
	return out, nil
}
