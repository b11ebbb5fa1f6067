package redis_test

import (
	"testing"
	"time"

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
		Can: contract.IdempotencyAbilities{Outage: outage},
	}
}

func TestIdempotencyTTL(t *testing.T) {
	s := embedded(t)
	i, c := redis.NewIdempotency(openClient(t, s.url)), externalClient(t, s.url)
	key := domain.IdempotencyKey{User: "u1", Path: "p", Key: "k"}
	claim, err := i.Claim(t.Context(), key, "d")
	require.NoError(t, err)
	names, err := c.Keys(t.Context(), "gwonce:{u1}:*").Result()
	require.NoError(t, err)
	require.Len(t, names, 1)
	require.InDelta(t, (90 * time.Second).Seconds(), c.PTTL(t.Context(), names[0]).Val().Seconds(), 5)
	require.NoError(t, i.Confirm(t.Context(), key, claim.Ticket, []byte("a")))
	require.InDelta(t, (24 * time.Hour).Seconds(), c.PTTL(t.Context(), names[0]).Val().Seconds(), 5)
}

// The test sets a time to live as it is after a step of Redis's clock backwards.
func TestIdempotencyShortensAClaimAfterAStepOfTheClock(t *testing.T) {
	s := embedded(t)
	i, c := redis.NewIdempotency(openClient(t, s.url)), externalClient(t, s.url)
	key := domain.IdempotencyKey{User: "u1", Path: "p", Key: "k"}
	claim, err := i.Claim(t.Context(), key, "d")
	require.NoError(t, err)
	name := c.Keys(t.Context(), "gwonce:*").Val()[0]
	require.NoError(t, c.Expire(t.Context(), name, 2*time.Hour).Err())
	second, err := i.Claim(t.Context(), key, "d")
	require.NoError(t, err)
	require.Equal(t, domain.Running, second.State)
	require.LessOrEqual(t, c.PTTL(t.Context(), name).Val(), 90*time.Second)

	require.NoError(t, i.Confirm(t.Context(), key, claim.Ticket, []byte("a")))
	_, err = i.Claim(t.Context(), key, "d")
	require.NoError(t, err)
	require.Greater(t, c.PTTL(t.Context(), name).Val(), 23*time.Hour, "the time to live of a response must not change")
}

func TestIdempotencyRejectsForeignValues(t *testing.T) {
	s := embedded(t)
	i, c := redis.NewIdempotency(openClient(t, s.url)), externalClient(t, s.url)
	key := domain.IdempotencyKey{User: "u1", Path: "p", Key: "k"}
	_, err := i.Claim(t.Context(), key, "d")
	require.NoError(t, err)
	name := c.Keys(t.Context(), "gwonce:*").Val()[0]
	require.NoError(t, c.Set(t.Context(), name, "invalid", 0).Err())
	_, err = i.Claim(t.Context(), key, "d")
	require.Equal(t, domain.ServiceUnavailable, domain.CodeOf(err))
	require.NoError(t, c.Del(t.Context(), name).Err())
	require.NoError(t, c.LPush(t.Context(), name, "invalid").Err())
	_, err = i.Claim(t.Context(), key, "d")
	require.Equal(t, domain.ServiceUnavailable, domain.CodeOf(err))
}
