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

func registrationsHarness(find func(testing.TB) server, canBreak bool) contract.RegistrationsHarness {
	return contract.RegistrationsHarness{New: func(t testing.TB) contract.RegistrationsRig {
		s := find(t)
		rig := contract.RegistrationsRig{Store: redis.NewRegistrations(openClient(t, s.url)), Other: redis.NewRegistrations(openClient(t, s.url))}
		if canBreak {
			rig.StartOutage = s.stop
		}
		return rig
	}}
}

func TestRegistrationsOnEmbedded(t *testing.T) {
	contract.BatchRegistrations(t, registrationsHarness(embedded, true))
}

func TestRegistrationsOnRealRedis(t *testing.T) {
	shared(t)
	contract.BatchRegistrations(t, registrationsHarness(shared, false))
}

func TestRegistrationsOnCluster(t *testing.T) {
	s := clustered(t)
	contract.BatchRegistrations(t, registrationsHarness(func(testing.TB) server { return s }, false))
}

func TestRegistrationsOnAHungRedis(t *testing.T) {
	p := servers.OwnRedis(t)
	contract.BatchRegistrations(t, registrationsHarness(func(t testing.TB) server {
		t.Helper()
		return server{url: p.URL(), stop: func() { p.Pause(); t.Cleanup(p.Resume) }}
	}, true))
}

func TestRegistrationTTL(t *testing.T) {
	s := embedded(t)
	r, c := redis.NewRegistrations(openClient(t, s.url)), externalClient(t, s.url)
	require.NoError(t, r.Save(t.Context(), "u1", "b1"))
	require.InDelta(t, (24 * time.Hour).Seconds(), c.PTTL(t.Context(), "gwbatch:b1").Val().Seconds(), 5)
	require.NoError(t, c.Del(t.Context(), "gwbatch:b1").Err())
	require.NoError(t, c.LPush(t.Context(), "gwbatch:b1", "u1").Err())
	_, err := r.Registered(t.Context(), "u1", "b1")
	require.Equal(t, domain.ServiceUnavailable, domain.CodeOf(err), "another type of value")
}
