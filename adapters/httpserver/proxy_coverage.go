package httpserver

import "net/netip"

// publicNetworks are the networks of public hosts: the unicast part of IPv4, and
// the part of IPv6 that is assigned (RFC 4291).
func publicNetworks() (four, six []netip.Prefix) {
	bits := func(address string, n int) netip.Prefix { return netip.PrefixFrom(netip.MustParseAddr(address), n) }
	return []netip.Prefix{bits("0.0.0.0", 1), bits("128.0.0.0", 2), bits("192.0.0.0", 3)}, []netip.Prefix{bits("2000::", 3)}
}

// coversEverything reports whether the networks together hold all public
// addresses of IPv4 or all of IPv6.
func (l trustedProxies) coversEverything() bool {
	four, six := publicNetworks()
	return l.coversAll(four) || l.coversAll(six)
}

func (l trustedProxies) coversAll(networks []netip.Prefix) bool {
	for _, network := range networks {
		if !l.covers(network) {
			return false
		}
	}
	return true
}

// covers reports whether every address of the network is in one of the list's.
// It looks at halves only where a network of the list lies inside, so its work
// is bounded by the length of the list times that of an address.
func (l trustedProxies) covers(network netip.Prefix) bool {
	inside := false
	for _, p := range l {
		if p.Overlaps(network) {
			if p.Bits() <= network.Bits() {
				return true
			}
			inside = true
		}
	}
	if !inside {
		return false
	}
	low, high := halves(network)
	return l.covers(low) && l.covers(high)
}

// halves splits a network that has more than one address.
func halves(network netip.Prefix) (low, high netip.Prefix) {
	bits := network.Bits()
	first := network.Masked().Addr()
	bytes := first.AsSlice()
	bytes[bits/8] |= 0x80 >> (bits % 8)
	upper, _ := netip.AddrFromSlice(bytes)
	return netip.PrefixFrom(first, bits+1), netip.PrefixFrom(upper, bits+1)
}
