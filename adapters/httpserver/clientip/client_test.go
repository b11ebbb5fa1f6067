package clientip_test

import (
	"crypto/tls"
	"net/http"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/httpserver/clientip"
)

// network returns the network of a request from a remote address.
func network(t testing.TB, trusted, remote string, forwarded ...string) string {
	t.Helper()
	proxies, err := clientip.ParseProxies(trusted)
	require.NoError(t, err)
	return proxies.Network(&http.Request{RemoteAddr: remote, Header: http.Header{"X-Forwarded-For": forwarded}})
}

func TestNetworkIsTheLastUntrustedAddress(t *testing.T) {
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
		{"2001:db8::1/128", "[2001:db8::2]:1", "2001:db8::/64"},
	} {
		require.Equal(t, c.want, network(t, c.trusted, c.remote, "203.0.113.1, 198.51.100.7"), c)
	}
}

func TestInvalidNetworksAreRefused(t *testing.T) {
	t.Parallel()
	for _, list := range []string{"192.0.2.0/33", "192.0.2.0/024", "localhost", "10.0.0.0/8 192.0.2.1"} {
		_, err := clientip.ParseProxies(list)
		require.Error(t, err, list)
	}
}

func TestEmptyElementsOfXForwardedForAreSkipped(t *testing.T) {
	t.Parallel()
	for _, lines := range [][]string{
		{"198.51.100.7,"}, {"198.51.100.7, "}, {"203.0.113.1,,198.51.100.7,,10.0.0.1"}, {"198.51.100.7", ""}, {"198.51.100.7", " , ", ""}, {"203.0.113.1 ,198.51.100.7", ",10.0.0.9,"},
	} {
		require.Equal(t, "198.51.100.7", network(t, "10.0.0.0/8", "10.1.2.3:4711", lines...), lines)
	}
	for _, lines := range [][]string{{""}, {","}, {" , ,"}, nil} {
		require.Equal(t, "10.1.2.3", network(t, "10.0.0.0/8", "10.1.2.3:4711", lines...), lines)
	}
}

func TestSchemeOfTheClient(t *testing.T) {
	t.Parallel()
	proxies, err := clientip.ParseProxies("10.0.0.0/8")
	require.NoError(t, err)
	for _, c := range []struct {
		remote, forwarded string
		tls               bool
		want              string
	}{
		{"10.1.2.3:1", "https", false, "https"},
		{"10.1.2.3:1", "http", false, "http"},
		{"10.1.2.3:1", "", false, "http"},
		{"192.0.2.1:1", "https", false, "http"},
		{"@", "https", false, "http"},
		{"192.0.2.1:1", "", true, "https"},
	} {
		r := &http.Request{RemoteAddr: c.remote, Header: http.Header{"X-Forwarded-Proto": {c.forwarded}}}
		if c.tls {
			r.TLS = &tls.ConnectionState{}
		}
		require.Equal(t, c.want, proxies.Scheme(r), c)
	}
}

func TestAddressOfTheClient(t *testing.T) {
	t.Parallel()
	proxies, err := clientip.ParseProxies("10.0.0.0/8")
	require.NoError(t, err)
	for remote, want := range map[string]string{"[2001:db8::4]:1": "2001:db8::4", "10.1.2.3:1": "198.51.100.7", "@": "unknown"} {
		r := &http.Request{RemoteAddr: remote, Header: http.Header{"X-Forwarded-For": {"198.51.100.7"}}}
		require.Equal(t, want, proxies.Address(r), remote)
	}
}

func TestNetworksThatCoverEverything(t *testing.T) {
	t.Parallel()
	for list, want := range map[string]bool{
		"0.0.0.0/0": true, "::/0": true, "2000::/3": true, "0.0.0.0/1,128.0.0.0/1": true, "::ffff:0.0.0.0/96": true,
		"": false, "0.0.0.0/1": false, "10.0.0.0/8,::1": false, "2000::/4": false, "128.0.0.0/1": false,
	} {
		proxies, err := clientip.ParseProxies(list)
		require.NoError(t, err)
		require.Equal(t, want, proxies.CoverEverything(), list)
	}
}

// FuzzNetwork checks that every network is an IPv4 address, an IPv6 /64 or "unknown", and
// that a client without a trusted proxy cannot choose it.
func FuzzNetwork(f *testing.F) {
	f.Add("198.51.100.7, 192.0.2.9", "::1", "[2001:db8::1]:80")
	f.Add(",,", "%eth0", "192.0.2.1:x")
	f.Fuzz(func(t *testing.T, first, second, remote string) {
		lines := []string{first, second}
		require.Equal(t, "192.0.2.1", network(t, "10.0.0.0/8", "192.0.2.1:4711", lines...))
		for _, from := range []string{"10.1.2.3:4711", remote} {
			got := network(t, "10.0.0.0/8", from, lines...)
			addr, noAddr := netip.ParseAddr(got)
			prefix, noPrefix := netip.ParsePrefix(got)
			if noAddr == nil && addr.Is4() || noPrefix == nil && prefix.Bits() == 64 && prefix == prefix.Masked() {
				continue
			}
			require.Equal(t, "unknown", got)
		}
	})
}
