package redis

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestHeldLeasesForgetUsersWithoutSessions(t *testing.T) {
	t.Parallel()
	h := newHeldLeases()
	for _, session := range []string{"a", "b", "c"} {
		h.add(newLease("u", session, "node"))
	}
	for _, session := range []string{"b", "a", "c"} {
		l := h.remove("u", session)
		require.NotNil(t, l)
		require.Equal(t, session, parseMember(l.member).ID)
		require.False(t, h.has("u", session))
	}
	require.Empty(t, h.held)
	require.Nil(t, h.remove("u", "a"))
}
