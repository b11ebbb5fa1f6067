package redis

import (
	"context"
	"errors"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/huleedu/edge/adapters/redis/reply"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

const (
	// registrationTTL is the time to live of a registration.
	registrationTTL = 24 * time.Hour
	// registrationTimeout is the timeout of one call.
	registrationTimeout = 2 * time.Second
)

// Registrations stores the user who registered each batch: one key per batch, with the user
// as its value. Each command has one key, so that it works on a cluster.
type Registrations struct{ rdb goredis.UniversalClient }

var _ ports.BatchRegistrations = (*Registrations)(nil)

// NewRegistrations returns a store on the client.
func NewRegistrations(c *Client) *Registrations { return &Registrations{c.rdb} }

func registrationKey(batch domain.BatchID) string { return "gwbatch:" + string(batch) }

// Save stores the user who registered a batch. It replaces an earlier registration.
func (r *Registrations) Save(ctx context.Context, user domain.UserID, batch domain.BatchID) error {
	ctx, cancel := context.WithTimeout(ctx, registrationTimeout)
	defer cancel()
	if err := r.rdb.Set(ctx, registrationKey(batch), string(user), registrationTTL).Err(); err != nil {
		return domain.Unavailable("redis", retryAfter).WithCause(reply.Redacted(err)).WithOp("redis.Save")
	}
	return nil
}

// Registered reports whether the user registered the batch within the last 24 hours.
func (r *Registrations) Registered(ctx context.Context, user domain.UserID, batch domain.BatchID) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, registrationTimeout)
	defer cancel()
	found, err := r.rdb.Get(ctx, registrationKey(batch)).Result()
	switch {
	case errors.Is(err, goredis.Nil):
		return false, nil
	case err != nil:
		return false, domain.Unavailable("redis", retryAfter).WithCause(reply.Redacted(err)).WithOp("redis.Registered")
	default:
		return found == string(user), nil
	}
}
