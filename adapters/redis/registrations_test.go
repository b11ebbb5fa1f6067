package redis_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/redis"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/contract"
)

func registrationsHarness(find func(testing.TB) server, outage bool) contract.RegistrationsHarness {
	return contract.RegistrationsHarness{New: func(t testing.TB) contract.RegistrationsRig {
		s := find(t)
		rig := contract.RegistrationsRig{Store: redis.NewRegistrations(openClient(t, s.url)), Other: redis.NewRegistrations(openClient(t, s.url))}
		if outage {
			rig.StartOutage = s.stop
		}
		return rig
	}}
}

func TestRegistrationTTL(t *testing.T) {
	s := embedded(t)
	r, c := redis.NewRegistrations(openClient(t, s.url)), externalClient(t, s.url)
	require.NoError(t, r.Save(t.Context(), "u1", "b1"))
	require.InDelta(t, (24 * time.Hour).Seconds(), c.PTTL(t.Context(), "gwbatch:b1").Val().Seconds(), 5)
	require.NoError(t, c.Del(t.Context(), "gwbatch:b1").Err())
	require.NoError(t, c.LPush(t.Context(), "gwbatch:b1", "u1").Err())
	_, err := r.Registered(t.Context(), "u1", "b1")
	require.Equal(t, domain.ServiceUnavailable, domain.CodeOf(err), "the value has another type")
}
