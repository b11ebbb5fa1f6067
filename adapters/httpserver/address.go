package httpserver

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/huleedu/edge/domain"
)

// clientPrefixBits is the IPv6 prefix length, in bits, that identifies one client: a
// host or home network usually has a whole /64.
const clientPrefixBits = 64

// mappedBits stand before an IPv4 address that is written as IPv6.
const mappedBits = 96

// unknownNetwork is the network of all connections without a readable address.
const unknownNetwork = "unknown"

// trustedProxies lists the networks whose X-Forwarded-For is trusted.
type trustedProxies []netip.Prefix

// parseProxies parses a comma list of CIDRs. A single address is a network of one.
func parseProxies(list string) (trustedProxies, error) {
	items, err := splitProxies(list)
	if err != nil {
		return nil, err
	}
	out := make(trustedProxies, 0, len(items))
	for _, item := range items {
		p, err := parsePrefix(item)
		if err != nil {
			return nil, domain.ParseFailure("trusted proxies", err)
		}
		out = append(out, p)
	}
	return out, nil
}

func parsePrefix(item string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(item); err == nil {
		return addr.Unmap().Prefix(addr.Unmap().BitLen())
	}
	p, err := netip.ParsePrefix(item)
	if addr := p.Addr(); err == nil && addr.Is4In6() && p.Bits() >= mappedBits {
		p = netip.PrefixFrom(addr.Unmap(), p.Bits()-mappedBits)
	}
	return p.Masked(), err
}

func (l trustedProxies) contains(addr netip.Addr) bool {
	for _, p := range l {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// network returns the network of a request: an IPv4 address or an IPv6 /64. It reads
// the entries of X-Forwarded-For from the last to the first as long as trusted
// proxies wrote them. All lines of the header count, because a proxy may append its
// own line.
func (l trustedProxies) network(r *http.Request) string {
	addr, known := parseAddr(r.RemoteAddr)
	if !known {
		return unknownNetwork
	}
	if l.contains(addr) {
		addr = l.forwardedClient(addr, r.Header["X-Forwarded-For"])
	}
	if addr.Is4() {
		return addr.String()
	}
	home, err := addr.Prefix(clientPrefixBits)
	if err != nil { // every IPv6 address has 64 bits
		return unknownNetwork
	}
	return home.String()
}

// forwardedClient returns the last address that is not a trusted proxy. If an entry
// is not an address, it returns the proxy that forwarded the entry.
func (l trustedProxies) forwardedClient(nearest netip.Addr, lines []string) netip.Addr {
	for _, rest := range slices.Backward(lines) {
		for rest != "" {
			entry := rest
			if comma := strings.LastIndexByte(rest, ','); comma >= 0 {
				rest, entry = rest[:comma], rest[comma+1:]
			} else {
				rest = ""
			}
			if entry = strings.TrimSpace(entry); entry == "" {
				continue // an empty element of a list counts for nothing (RFC 9110 section 5.6.1)
			}
			addr, known := parseAddr(entry)
			if !known {
				return nearest
			}
			if nearest = addr; !l.contains(addr) {
				return addr
			}
		}
	}
	return nearest
}

// parseAddr parses an address with or without a port.
func parseAddr(text string) (netip.Addr, bool) {
	if withPort, err := netip.ParseAddrPort(text); err == nil {
		return withPort.Addr().Unmap().WithZone(""), true
	}
	addr, err := netip.ParseAddr(strings.Trim(text, "[]"))
	return addr.Unmap().WithZone(""), err == nil
}
