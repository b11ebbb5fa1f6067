package redis

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestHeldLeasesDeleteUsersWithoutSessions: a node that lives long meets every user.
func TestHeldLeasesDeleteUsersWithoutSessions(t *testing.T) {
	t.Parallel()
	l := newHeldLeases("node")
	began := time.Now()
	for _, session := range []string{"a", "b", "c"} {
		l.add("u", heldLease{session: session, since: began})
	}
	for _, session := range []string{"b", "a", "c"} {
		member, held := l.remove("u", session)
		require.True(t, held)
		require.Equal(t, session, readMember(member).ID)
		require.False(t, l.has("u", session))
	}
	require.Empty(t, l.held)
	_, held := l.remove("u", "a")
	require.False(t, held)
}
