package proxy

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
)

func TestUserLimiterBoundsAllAndEachUser(t *testing.T) {
	l := NewUserLimiter(3, 2)
	acquire := func(user string) (func(), bool) { return l.Acquire(domain.UserID(user)) }
	release, ok := acquire("a")
	require.True(t, ok)
	_, ok = acquire("a")
	require.True(t, ok)
	_, ok = acquire("a")
	require.False(t, ok, "the user has two")
	_, ok = acquire("b")
	require.True(t, ok)
	_, ok = acquire("c")
	require.False(t, ok, "there are three in all")
	release()
	again, ok := acquire("a")
	require.True(t, ok, "one was released")
	again()
	_, ok = acquire("c")
	require.True(t, ok)
	require.Len(t, l.users, 3)
}

func TestUserLimiterForgetsUsersWithNothingInProgress(t *testing.T) {
	l := NewUserLimiter(3, 2)
	release, _ := l.Acquire("a")
	other, _ := l.Acquire("a")
	release()
	require.Len(t, l.users, 1)
	other()
	require.Empty(t, l.users)
	require.Zero(t, l.total)
}

// TestUnsafePaths has the paths that services read as another path, at any depth of encoding.
func TestUnsafePaths(t *testing.T) {
	for _, path := range []string{
		"/a/../b", "/a/./b", "/..", "/a/..;x/b", "/a/.;/b", "/a/ ../b", "/a/.. /b", "/a/%2e%2e/b", "/a/%252E./b", "%2e%2e/a", "/a%2fb", "/a%252fb", "/a%25252fb",
		`/a\b`, "/a%5cb", "/a%00b", "/a%0ab", "/a%7fb", "/%ff", "/a%c0%af", "/" + "%" + strings.Repeat("25", 20) + "2e",
	} {
		require.True(t, IsUnsafePath(path), path)
	}
	for _, path := range []string{
		"", "/", "/a", "//a//", "/...", "/.a", "/a.", "/..a", "/ a", "/a;b=..", "/100%25", "/%25zz", "/%", "/%2", "/a%", "/%7Ea%2eb", "/%C3%A5", "/å", "/%3b..",
		"/%" + strings.Repeat("25", 6) + "41",
	} {
		require.False(t, IsUnsafePath(path), path)
	}
}
