package main

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/memory"
	"github.com/huleedu/edge/adapters/redis"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/world"
)

// TestOperators: whoever can reach Redis sees a user's sockets and ends them.
func TestOperators(t *testing.T) {
	outside, err := world.StartRedis("")
	require.NoError(t, err)
	t.Cleanup(outside.Close)
	r := up(t, "--redis", outside.URL())
	user := "teacher-anna"

	none := open(t, nil, "sessions", user, "--redis", outside.URL())
	require.Equal(t, 0, none.code(t))
	require.Empty(t, none.out.String())

	one := open(t, nil, "listen", user, "--url", r.websockets)
	one.sees(t, `connected\n`)
	two := open(t, nil, "listen", user, "--url", r.websockets)
	two.sees(t, `connected\n`)
	other := open(t, nil, "listen", "teacher-bo", "--url", r.websockets)
	other.sees(t, `connected\n`)

	seen := open(t, map[string]string{"REDIS_URL": outside.URL()}, "sessions", user)
	require.Equal(t, 0, seen.code(t), "%s", seen.errs)
	require.Len(t, seen.out.lines(), 2)
	for _, line := range seen.out.lines() {
		require.Regexp(t, `^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ  \S+/\d+  [0-9a-f-]{36}$`, line)
	}

	ended := open(t, nil, "disconnect", user, "--redis", outside.URL())
	require.Equal(t, 0, ended.code(t), "%s", ended.errs)
	require.Equal(t, user+": 2 of 2 sockets closed\n", ended.out.String())
	for _, s := range []*shell{one, two} {
		require.Equal(t, 1, s.code(t))
		require.Contains(t, s.errs.String(), "(AUTHORIZATION_ERROR, close 4003)")
	}
	left := open(t, nil, "sessions", "teacher-bo", "--redis", outside.URL())
	require.Equal(t, 0, left.code(t))
	require.Len(t, left.out.lines(), 1, "others stay")
	require.Equal(t, 0, other.ctrlC(t))
	require.Equal(t, 0, r.ctrlC(t))
}

// TestDisconnectTellsWhatStays: a socket that nobody closes is named.
func TestDisconnectTellsWhatStays(t *testing.T) {
	outside, err := world.StartRedis("")
	require.NoError(t, err)
	t.Cleanup(outside.Close)
	client, err := redis.Open(redis.Config{URL: domain.Secret(outside.URL()), ConnectTimeout: longest, SocketTimeout: longest})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, client.Close()) })
	gone := redis.NewQuota(client, redis.QuotaConfig{PerUser: 1, Node: "killed"}, memory.NewLimits(1), &memory.Facts{})
	require.NoError(t, gone.Acquire(t.Context(), "anna", uuid.NewString()))
	s := open(t, nil, "disconnect", "anna", "--redis", outside.URL())
	require.Equal(t, 1, s.code(t))
	require.Contains(t, s.out.String(), "anna: 0 of 1 sockets closed\n")
	require.Contains(t, s.out.String(), "  killed  ")
	require.Contains(t, s.errs.String(), "edge: 1 sockets are still there")
}

func TestOperatorsRefuse(t *testing.T) {
	for _, command := range []string{"disconnect", "sessions"} {
		for want, args := range map[string][]string{
			"edge: user id is empty or blank\n":      {" "},
			"REDIS_URL":                              {"anna", "--redis", "nowhere"},
			"edge: redis.Sessions: CONNECTION_ERROR": {"anna", "--redis", "redis://127.0.0.1:1"},
		} {
			s := open(t, nil, append([]string{command}, args...)...)
			require.Equal(t, 1, s.code(t))
			require.Contains(t, s.errs.String(), want)
		}
	}
}
