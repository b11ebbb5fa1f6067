package redis_test

import (
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/redis"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/contract"
)

func idempotencyHarness(find func(testing.TB) server, outage bool) contract.IdempotencyHarness {
	return contract.IdempotencyHarness{
		New: func(t testing.TB) contract.IdempotencyRig {
			s := find(t)
			return contract.IdempotencyRig{
				Store: redis.NewIdempotency(openClient(t, s.url)), Other: redis.NewIdempotency(openClient(t, s.url)), StartOutage: s.stop,
			}
		},
		Outage: outage,
	}
}

// claimed is a claim in Redis.
type claimed struct {
	*redis.Idempotency
	redis  *goredis.Client
	key    domain.IdempotencyKey
	ticket string
	name   string // the key in Redis
}

func newClaim(t *testing.T) claimed {
	t.Helper()
	s := embedded(t)
	c := claimed{redis.NewIdempotency(openClient(t, s.url)), externalClient(t, s.url), domain.IdempotencyKey{User: "u1", Path: "p", Key: "k"}, "", ""}
	claim, err := c.Claim(t.Context(), c.key, "d")
	require.NoError(t, err)
	names := c.redis.Keys(t.Context(), "gwonce:{u1}:*").Val()
	require.Len(t, names, 1)
	c.ticket, c.name = claim.Ticket, names[0]
	return c
}

func (c claimed) ttl(t *testing.T) time.Duration {
	t.Helper()
	return c.redis.PTTL(t.Context(), c.name).Val()
}

func TestIdempotencyTTL(t *testing.T) {
	c := newClaim(t)
	require.InDelta(t, (90 * time.Second).Seconds(), c.ttl(t).Seconds(), 5)
	require.NoError(t, c.Confirm(t.Context(), c.key, c.ticket, []byte("a")))
	require.InDelta(t, (24 * time.Hour).Seconds(), c.ttl(t).Seconds(), 5)
}

// The test sets a time to live as it is after a step of Redis's clock backwards.
func TestIdempotencyShortensAClaimAfterAStepOfTheClock(t *testing.T) {
	c := newClaim(t)
	require.NoError(t, c.redis.Expire(t.Context(), c.name, 2*time.Hour).Err())
	second, err := c.Claim(t.Context(), c.key, "d")
	require.NoError(t, err)
	require.Equal(t, domain.Running, second.State)
	require.LessOrEqual(t, c.ttl(t), 90*time.Second)

	require.NoError(t, c.Confirm(t.Context(), c.key, c.ticket, []byte("a")))
	_, err = c.Claim(t.Context(), c.key, "d")
	require.NoError(t, err)
	require.Greater(t, c.ttl(t), 23*time.Hour, "the time to live of a response must not change")
}

func TestIdempotencyRejectsForeignValues(t *testing.T) {
	c := newClaim(t)
	for _, value := range []string{"invalid", "invalid value"} {
		require.NoError(t, c.redis.Set(t.Context(), c.name, value, 0).Err())
		_, err := c.Claim(t.Context(), c.key, "d")
		require.Equal(t, domain.ServiceUnavailable, domain.CodeOf(err), value)
	}
	require.NoError(t, c.redis.Del(t.Context(), c.name).Err())
	require.NoError(t, c.redis.LPush(t.Context(), c.name, "invalid").Err())
	_, err := c.Claim(t.Context(), c.key, "d")
	require.Equal(t, domain.ServiceUnavailable, domain.CodeOf(err))
}
