package clientip

import (
	"net/netip"
	"slices"
	"strings"

	"go4.org/netipx"

	"github.com/huleedu/edge/domain"
)

// mappedBits is the number of bits before an IPv4 address that is written as IPv6.
const mappedBits = 96

// Proxies is a set of networks whose X-Forwarded-For is trusted, as ParseProxies returns
// it; the zero value cannot be used. It is safe for
// concurrent use.
type Proxies struct{ set *netipx.IPSet }

// ParseProxies parses a comma list of CIDRs. A single address is a network of one. It
// returns PARSING_ERROR for any other item.
func ParseProxies(list string) (Proxies, error) {
	var networks netipx.IPSetBuilder
	for item := range strings.SplitSeq(list, ",") {
		item = strings.TrimSpace(item)
		if item == "" {
			continue
		}
		network, err := parseNetwork(item)
		if err != nil {
			return Proxies{}, domain.ParseFailure("trusted proxies", err)
		}
		networks.AddPrefix(network)
	}
	set, err := networks.IPSet()
	if err != nil {
		return Proxies{}, domain.ParseFailure("trusted proxies", err)
	}
	return Proxies{set}, nil
}

func parseNetwork(item string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(item); err == nil {
		return addr.Unmap().Prefix(addr.Unmap().BitLen())
	}
	p, err := netip.ParsePrefix(item)
	if addr := p.Addr(); err == nil && addr.Is4In6() && p.Bits() >= mappedBits {
		p = netip.PrefixFrom(addr.Unmap(), p.Bits()-mappedBits)
	}
	return p.Masked(), err
}

// CoverEverything reports whether the set holds all public addresses of IPv4 or all of
// IPv6. Every client could then choose its own address.
func (p Proxies) CoverEverything() bool {
	bits := func(address string, n int) netip.Prefix { return netip.PrefixFrom(netip.MustParseAddr(address), n) }
	unicast := []netip.Prefix{bits("0.0.0.0", 1), bits("128.0.0.0", 2), bits("192.0.0.0", 3)}
	missing := func(network netip.Prefix) bool { return !p.set.ContainsPrefix(network) }
	return !slices.ContainsFunc(unicast, missing) || p.set.ContainsPrefix(bits("2000::", 3)) // assigned by RFC 4291
}
