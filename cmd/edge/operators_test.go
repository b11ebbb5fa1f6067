package main

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/memory"
	"github.com/huleedu/edge/adapters/redis"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/servers"
)

// TestOperators lists and closes the sockets of a user through Redis.
func TestOperators(t *testing.T) {
	outside := servers.EmbeddedRedis(t)
	r := startEdge(t, "--redis", outside.URL())
	user := "teacher-anna"

	none := startCommand(t, nil, "sessions", user, "--redis", outside.URL())
	require.Equal(t, 0, none.exitCode(t))
	require.Contains(t, none.out.String(), user+" has no connection on any node")

	one := startCommand(t, nil, "listen", user, "--url", r.websockets)
	one.waitOutput(t, `connected\n`)
	two := startCommand(t, nil, "listen", user, "--url", r.websockets)
	two.waitOutput(t, `connected\n`)
	other := startCommand(t, nil, "listen", "teacher-bo", "--url", r.websockets)
	other.waitOutput(t, `connected\n`)

	seen := startCommand(t, map[string]string{"REDIS_URL": outside.URL()}, "sessions", user)
	require.Equal(t, 0, seen.exitCode(t), "%s", seen.errs)
	require.Len(t, seen.out.lines(), 3)
	for _, line := range seen.out.lines()[1:] {
		require.Regexp(t, `^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ  \S+/\d+  [0-9a-f-]{36}$`, line)
	}

	ended := startCommand(t, nil, "disconnect", user, "--redis", outside.URL())
	require.Equal(t, 0, ended.exitCode(t), "%s", ended.errs)
	require.Equal(t, user+": 2 of 2 sockets closed\n", ended.out.String())
	for _, s := range []*commandRun{one, two} {
		require.Equal(t, 1, s.exitCode(t))
		require.Contains(t, s.errs.String(), "(AUTHORIZATION_ERROR, close 4003)")
	}
	left := startCommand(t, nil, "sessions", "teacher-bo", "--redis", outside.URL())
	require.Equal(t, 0, left.exitCode(t))
	require.Len(t, left.out.lines(), 2, "the other user's socket stays open")
	require.Equal(t, 0, other.interruptAndWait(t))
	require.Equal(t, 0, r.interruptAndWait(t))
}

// TestDisconnectReportsOpenSockets checks that a socket of a killed node, which
// does not close, is listed.
func TestDisconnectReportsOpenSockets(t *testing.T) {
	outside := servers.EmbeddedRedis(t)
	client, err := redis.Open(redis.Config{URL: domain.Secret(outside.URL()), ConnectTimeout: waitLimit, SocketTimeout: waitLimit})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, client.Close()) })
	gone := redis.NewQuota(client, redis.QuotaConfig{PerUser: 1, Node: "killed"}, memory.NewQuota(1), &memory.Facts{})
	require.NoError(t, gone.Acquire(t.Context(), "anna", uuid.NewString()))
	s := startCommand(t, nil, "disconnect", "anna", "--redis", outside.URL())
	require.Equal(t, 1, s.exitCode(t))
	require.Contains(t, s.out.String(), "anna: 0 of 1 sockets closed\n")
	require.Contains(t, s.out.String(), "  killed  ")
	require.Contains(t, s.errs.String(), "edge: 1 sockets are still open")
}

func TestOperatorsReportAnUnreachableRedis(t *testing.T) {
	for _, command := range []string{"disconnect", "sessions"} {
		s := startCommand(t, nil, command, "anna", "--redis", "redis://127.0.0.1:1")
		require.Equal(t, 1, s.exitCode(t))
		require.Contains(t, s.errs.String(), "edge: redis.Sessions: CONNECTION_ERROR")
	}
}
