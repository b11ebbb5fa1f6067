package redis

import (
	"context"
	"slices"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/huleedu/edge/domain"
)

// disconnectChannel is the control channel for requests to disconnect a user. The payload
// is the user's id.
const disconnectChannel = controlPrefix + "disconnect"

// Operator implements the commands of an operator for all nodes. It only uses Redis; it does
// not connect to a node.
type Operator struct {
	rdb     goredis.UniversalClient
	timeout time.Duration
	list    *goredis.Script
}

// NewOperator returns an operator on the client's Redis.
func NewOperator(c *Client) *Operator {
	return &Operator{rdb: c.rdb, timeout: c.timeout, list: goredis.NewScript(listLeasesScript)}
}

// Disconnect tells every node to close the user's connections. It does not wait for them;
// Sessions returns those that remain. A node without a connection to Redis misses it.
// Errors: CONNECTION_ERROR, TIMEOUT, SERVICE_UNAVAILABLE.
func (o *Operator) Disconnect(ctx context.Context, user domain.UserID) error {
	if err := o.rdb.Publish(ctx, disconnectChannel, string(user)).Err(); err != nil {
		return redisError("redis.Disconnect", err, o.timeout)
	}
	return nil
}

// Publish publishes a frame on the user's channel, as other services do. Only connected
// clients receive it. Errors as for Disconnect.
func (o *Operator) Publish(ctx context.Context, p ChannelPrefix, user domain.UserID, frame []byte) error {
	if err := o.rdb.Publish(ctx, p.channel(user), frame).Err(); err != nil {
		return redisError("redis.Publish", err, o.timeout)
	}
	return nil
}

// Sessions returns the user's connections on all nodes, oldest first. It also returns those of
// a killed node, for up to 30 s. Errors as for Disconnect.
func (o *Operator) Sessions(ctx context.Context, user domain.UserID) ([]domain.SessionInfo, error) {
	members, err := o.list.Run(ctx, o.rdb, []string{quotaKey(user)}).StringSlice()
	if err != nil {
		return nil, redisError("redis.Sessions", err, o.timeout)
	}
	sessions := make([]domain.SessionInfo, len(members))
	for i, member := range members {
		sessions[i] = parseMember(member)
	}
	slices.SortStableFunc(sessions, func(a, b domain.SessionInfo) int { return a.Since.Compare(b.Since) })
	return sessions, nil
}

// Watch calls receive with each message of the user's channel until ctx is done. It calls subscribed
// when Redis has confirmed the subscription. A lost connection ends it. Errors as for Disconnect.
func (o *Operator) Watch(ctx context.Context, p ChannelPrefix, user domain.UserID, subscribed func(), receive func(frame string)) error {
	subscription := o.rdb.Subscribe(ctx, p.channel(user))
	defer func() { _ = subscription.Close() }()
	defer context.AfterFunc(ctx, func() { _ = subscription.Close() })() // ends a blocked read
	_, err := subscription.Receive(ctx)
	if err == nil {
		subscribed()
	}
	for err == nil {
		var message *goredis.Message
		if message, err = subscription.ReceiveMessage(ctx); err == nil {
			receive(message.Payload)
		}
	}
	if ctx.Err() != nil {
		return nil
	}
	return redisError("redis.Watch", err, o.timeout)
}

// Clock returns the time of Redis.
func (o *Operator) Clock(ctx context.Context) (time.Time, error) { return o.rdb.Time(ctx).Result() }
