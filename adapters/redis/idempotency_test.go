package redis_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/redis"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/contract"
	"github.com/huleedu/edge/test/servers"
)

func idempotencyHarness(find func(testing.TB) server, canBreak bool) contract.IdempotencyHarness {
	return contract.IdempotencyHarness{
		New: func(t testing.TB) contract.IdempotencyRig {
			s := find(t)
			return contract.IdempotencyRig{
				Store: redis.NewIdempotency(openClient(t, s.url)), Other: redis.NewIdempotency(openClient(t, s.url)), StartOutage: s.stop,
			}
		},
		Can: contract.IdempotencyAbilities{Outage: canBreak},
	}
}

func TestIdempotencyOnEmbedded(t *testing.T) {
	contract.Idempotency(t, idempotencyHarness(embedded, true))
}

func TestIdempotencyOnRealRedis(t *testing.T) {
	shared(t)
	contract.Idempotency(t, idempotencyHarness(shared, false))
}

func TestIdempotencyOnOwnRedis(t *testing.T) {
	ownServer(t)
	contract.Idempotency(t, idempotencyHarness(ownServer, true))
}

func TestIdempotencyOnCluster(t *testing.T) {
	s := clustered(t)
	contract.Idempotency(t, idempotencyHarness(func(testing.TB) server { return s }, false))
}

func TestIdempotencyOnAHungRedis(t *testing.T) {
	p := servers.OwnRedis(t)
	contract.Idempotency(t, idempotencyHarness(func(t testing.TB) server {
		t.Helper()
		return server{url: p.URL(), stop: func() { p.Pause(); t.Cleanup(p.Resume) }}
	}, true))
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

// A step of Redis's clock backwards lengthens the time to live of each key by the step.
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
	require.Greater(t, c.PTTL(t.Context(), name).Val(), 23*time.Hour, "an answer keeps its time")
}

func TestIdempotencyRejectsForeignValues(t *testing.T) {
	s := embedded(t)
	i, c := redis.NewIdempotency(openClient(t, s.url)), externalClient(t, s.url)
	key := domain.IdempotencyKey{User: "u1", Path: "p", Key: "k"}
	_, err := i.Claim(t.Context(), key, "d")
	require.NoError(t, err)
	name := c.Keys(t.Context(), "gwonce:*").Val()[0]
	require.NoError(t, c.Set(t.Context(), name, "rubbish", 0).Err())
	_, err = i.Claim(t.Context(), key, "d")
	require.Equal(t, domain.ServiceUnavailable, domain.CodeOf(err))
	require.NoError(t, c.Del(t.Context(), name).Err())
	require.NoError(t, c.LPush(t.Context(), name, "rubbish").Err())
	_, err = i.Claim(t.Context(), key, "d")
	require.Equal(t, domain.ServiceUnavailable, domain.CodeOf(err))
}
