// Package channel reads one pub/sub channel of Redis on a connection of its own.
package channel

import (
	"context"

	goredis "github.com/redis/go-redis/v9"
)

// Watch calls receive with each message of the channel until ctx is done, and returns nil then. It
// calls subscribed once, when Redis has confirmed the subscription. A lost connection is an error:
// messages may be lost, and Watch repeats nothing.
func Watch(ctx context.Context, rdb goredis.UniversalClient, name string, subscribed func(), receive func(message string)) error {
	subscription := rdb.Subscribe(ctx, name)
	defer func() { _ = subscription.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = subscription.Close() }) // ends a blocked read
	defer stop()
	if _, err := subscription.Receive(ctx); err != nil {
		return unlessDone(ctx, err)
	}
	subscribed()
	for {
		message, err := subscription.ReceiveMessage(ctx)
		if err != nil {
			return unlessDone(ctx, err)
		}
		receive(message.Payload)
	}
}

// unlessDone returns nil after the end of ctx, which is the reason for the error then.
func unlessDone(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}
