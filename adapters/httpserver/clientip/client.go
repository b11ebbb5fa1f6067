// Package clientip finds the client of a request behind trusted proxies: its address,
// its network and the scheme that it used. A client without a trusted proxy chooses none
// of them.
package clientip

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// networkBits is the IPv6 prefix length, in bits, that identifies one client: a host or
// home network usually has a whole /64.
const networkBits = 64

// unknown is the address and network of a connection without a readable address.
const unknown = "unknown"

// Address returns the IP address of the client, or "unknown".
func (p Proxies) Address(r *http.Request) string {
	addr, ok := p.address(r)
	if !ok {
		return unknown
	}
	return addr.String()
}

// Network returns the network of the client: an IPv4 address, an IPv6 /64, or "unknown".
func (p Proxies) Network(r *http.Request) string {
	addr, ok := p.address(r)
	switch {
	case !ok:
		return unknown
	case addr.Is4():
		return addr.String()
	default:
		return netip.PrefixFrom(addr, networkBits).Masked().String()
	}
}

// Scheme returns the scheme that the client used, "http" or "https", as a trusted proxy
// reports it.
func (p Proxies) Scheme(r *http.Request) string {
	addr, ok := parseAddr(r.RemoteAddr)
	if r.TLS != nil || ok && p.set.Contains(addr) && r.Header.Get("X-Forwarded-Proto") == "https" {
		return "https"
	}
	return "http"
}

// address returns the address of the connection or, if a trusted proxy opened it, the
// last address in X-Forwarded-For that is not a trusted proxy. It returns false if the
// connection has no readable address.
func (p Proxies) address(r *http.Request) (netip.Addr, bool) {
	addr, ok := parseAddr(r.RemoteAddr)
	if ok && p.set.Contains(addr) {
		addr = p.forwardedClient(addr, r.Header["X-Forwarded-For"])
	}
	return addr, ok
}

// forwardedClient returns the last address that is not a trusted proxy. All lines of the
// header count, because a proxy may append its own line. If an entry is not an address,
// it returns the proxy that forwarded the entry.
func (p Proxies) forwardedClient(nearest netip.Addr, lines []string) netip.Addr {
	entries := strings.Split(strings.Join(lines, ","), ",")
	for _, entry := range slices.Backward(entries) {
		entry = strings.TrimSpace(entry)
		if entry == "" {
			continue // an empty element of a list is ignored (RFC 9110 section 5.6.1)
		}
		addr, ok := parseAddr(entry)
		if !ok {
			return nearest
		}
		if nearest = addr; !p.set.Contains(addr) {
			return addr
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
