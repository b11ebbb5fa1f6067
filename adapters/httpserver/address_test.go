package httpserver_test

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/httpserver"
)

func TestNetworks(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ trusted, remote, want string }{
		{"", "192.0.2.1:4711", "192.0.2.1"},
		{"", "[2001:db8:1:2:3::4]:4711", "2001:db8:1:2::/64"},
		{"", "[::ffff:192.0.2.1]:4711", "192.0.2.1"},
		{"", "[fe80::1%eth0]:4711", "fe80::/64"},
		{"", "@", "unknown"},
		{"", "", "unknown"},
		{"192.0.2.1", "192.0.2.1:1", "198.51.100.7"},
		{"192.0.2.0/24", "192.0.2.1:1", "198.51.100.7"},
		{"192.0.2.77/24", "192.0.2.1:1", "198.51.100.7"},
		{"::ffff:192.0.2.0/120", "192.0.2.1:1", "198.51.100.7"},
		{"::ffff:192.0.2.1", "192.0.2.1:1", "198.51.100.7"},
		{"2001:db8::/32", "[2001:db8::1]:1", "198.51.100.7"},
		{"192.0.3.0/24,2001:db8::/32", "192.0.2.1:1", "192.0.2.1"},
	} {
		got, err := httpserver.Network(c.trusted, c.remote, []string{"203.0.113.1, 198.51.100.7"})
		require.NoError(t, err)
		require.Equal(t, c.want, got, c)
	}
	_, err := httpserver.Network("192.0.2.0/33", "192.0.2.1:1", nil)
	require.Error(t, err)
}

// TestEmptyElementsOfXForwardedForAreSkipped: a list may have them.
func TestEmptyElementsOfXForwardedForAreSkipped(t *testing.T) {
	t.Parallel()
	for _, lines := range [][]string{
		{"198.51.100.7,"}, {"198.51.100.7, "}, {"203.0.113.1,,198.51.100.7,,10.0.0.1"}, {"198.51.100.7", ""}, {"198.51.100.7", " , ", ""}, {"203.0.113.1 ,198.51.100.7", ",10.0.0.9,"},
	} {
		got, err := httpserver.Network("10.0.0.0/8", "10.1.2.3:4711", lines)
		require.NoError(t, err)
		require.Equal(t, "198.51.100.7", got, lines)
	}
	for _, lines := range [][]string{{""}, {","}, {" , ,"}, nil} {
		got, err := httpserver.Network("10.0.0.0/8", "10.1.2.3:4711", lines)
		require.NoError(t, err)
		require.Equal(t, "10.1.2.3", got, lines)
	}
}

// FuzzNetwork: whatever a client writes, what comes out is bounded, and a
// client behind no trusted proxy chooses nothing of it.
func FuzzNetwork(f *testing.F) {
	f.Add("198.51.100.7, 192.0.2.9", "::1", "[2001:db8::1]:80")
	f.Add(",,", "%eth0", "192.0.2.1:x")
	f.Fuzz(func(t *testing.T, first, second, remote string) {
		lines := []string{first, second}
		got, err := httpserver.Network("10.0.0.0/8", "192.0.2.1:4711", lines)
		if err != nil || got != "192.0.2.1" {
			t.Fatalf("a client chose %q: %v", got, err)
		}
		for _, from := range []string{"10.1.2.3:4711", remote} {
			got, err = httpserver.Network("10.0.0.0/8", from, lines)
			if err != nil {
				t.Fatal(err)
			}
			addr, noAddr := netip.ParseAddr(got)
			prefix, noPrefix := netip.ParsePrefix(got)
			good := noAddr == nil && addr.Is4() || noPrefix == nil && prefix.Bits() == 64 && prefix == prefix.Masked()
			if !good && got != "unknown" {
				t.Fatalf("%q is no network", got)
			}
		}
	})
}
