package httpserver

import (
	"net"
	"net/netip"
	"strconv"

	"github.com/huleedu/edge/adapters/httpserver/clientip"
	"github.com/huleedu/edge/domain"
)

func portProblems(name string, port int) []error {
	if port < 0 || port > 65535 {
		return []error{domain.Misconfigured(name, "must be a TCP port, 0-65535")}
	}
	return nil
}

// proxyProblems reports an invalid list and, in production, one with which every client can
// choose its address.
func proxyProblems(name, list string, environment domain.Environment) []error {
	trusted, err := clientip.ParseProxies(list)
	switch {
	case err != nil:
		return []error{domain.Misconfigured(name, "is not a comma list of CIDRs").WithCause(err)}
	case environment == domain.Production && trusted.CoverEverything():
		return []error{domain.Misconfigured(name, "must not cover all addresses in production: every client could choose its own")}
	default:
		return nil
	}
}

// adminProblems reports an invalid admin address, and one that is the service's own. Port
// 0 is a free port and never the same.
func adminProblems(name, address, host string, port int) []error {
	if address == "" {
		return nil
	}
	adminHost, text, err := net.SplitHostPort(address)
	if err != nil {
		return []error{domain.Misconfigured(name, "must be host:port or :port")}
	}
	adminPort, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return []error{domain.Misconfigured(name, "must end in a TCP port, 0-65535")}
	}
	if port != 0 && int(adminPort) == port && (adminHost == host || isUnspecified(adminHost) || isUnspecified(host)) {
		return []error{domain.Misconfigured(name, "must not be the address that the service itself listens on")}
	}
	return nil
}

// isUnspecified reports whether a host means every interface.
func isUnspecified(host string) bool {
	address, err := netip.ParseAddr(host)
	return host == "" || err == nil && address.IsUnspecified()
}

// bound is a setting that must be greater than zero.
type bound struct {
	name  string
	value int64
}

// requirePositive reports the settings that are not greater than zero, with this problem.
func requirePositive(prefix, problem string, bounds []bound) []error {
	var out []error
	for _, b := range bounds {
		if b.value <= 0 {
			out = append(out, domain.Misconfigured(prefix+b.name, problem))
		}
	}
	return out
}
