package proxy

import (
	"cmp"
	"net"
	"net/url"
	"strings"
)

// locations translates addresses of services into paths of the gateway, because
// clients cannot reach the services.
type locations struct{ services []serviceAddress }

type serviceAddress struct {
	host, port string
	// path is the prefix of every path of the service.
	path string
}

func newLocations(services []string) locations {
	var l locations
	for _, raw := range services {
		if u, err := url.Parse(strings.TrimRight(raw, "/")); err == nil && u.Host != "" {
			l.services = append(l.services, serviceAddress{canonicalHost(u), portOf(u), u.EscapedPath()})
		}
	}
	return l
}

// rewrite returns the value for a client of the routes below prefix. It returns
// false if the header must be dropped: the address of a service outside these
// routes, or an unreadable value. Other addresses stay.
func (l locations) rewrite(value, prefix string) (string, bool) {
	u, err := url.Parse(strings.TrimSpace(value))
	switch {
	case err != nil, strings.Contains(value, `\`): // browsers read it as a slash
		return "", false
	case u.Host == "":
		// Browsers read a path that begins with two slashes as a host.
		return value, u.Scheme != "http" && u.Scheme != "https" && !strings.HasPrefix(u.Path, "//")
	}
	known := false
	for _, s := range l.services {
		if !s.matches(u) {
			continue
		}
		known = true
		path, below := strings.CutPrefix(u.EscapedPath(), s.path)
		if below && isBelow(path, prefix) && !IsUnsafePath(path) {
			plain, _ := url.PathUnescape(path) // it was parsed before
			u.Scheme, u.Opaque, u.User, u.Host = "", "", nil, ""
			u.Path, u.RawPath = plain, path
			return u.String(), true
		}
	}
	return value, !known
}

// isBelow reports whether a path is the prefix or below it.
func isBelow(path, prefix string) bool {
	rest, found := strings.CutPrefix(path, prefix)
	return found && (rest == "" || rest[0] == '/')
}

// matches reports whether an address is the service's. The scheme does not count, so
// that without a port both schemes' ports are meant.
func (s serviceAddress) matches(u *url.URL) bool {
	if canonicalHost(u) != s.host {
		return false
	}
	if u.Port() != "" {
		return portOf(u) == s.port
	}
	return s.port == "80" || s.port == "443" || s.port == portOf(u)
}

// canonicalHost returns the host in lower case, without a trailing dot.
func canonicalHost(u *url.URL) string {
	name := strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))
	if ip := net.ParseIP(name); ip != nil {
		return ip.String()
	}
	return name
}

func portOf(u *url.URL) string {
	switch port := u.Port(); {
	case port != "":
		return cmp.Or(strings.TrimLeft(port, "0"), "0")
	case u.Scheme == "https":
		return "443"
	default:
		return "80"
	}
}
