// Package origin reads web origins (RFC 6454) as operators write them and as
// browsers send them, in one canonical form. Both transports of the services
// share it, so that a list of origins means the same to them.
package origin

import (
	"errors"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"golang.org/x/net/idna"
)

// Any is the list entry that allows all origins.
const Any = "*"

// These errors of Canonical do not contain the text.
var (
	errForm     = errors.New("is not scheme://host[:port], without path, query and credentials")
	errWildcard = errors.New("has a wildcard inside; list each origin")
	errHost     = errors.New("has a host that is no valid name or address")
	errPort     = errors.New("has a port that is not 1-65535")
)

// Canonical returns the origin as a browser sends it: scheme and host in lower case,
// an international name in punycode, an address in its shortest form, no default
// port. It returns an error for a text that is not a single origin.
func Canonical(text string) (string, error) {
	if strings.Contains(text, "*") {
		return "", errWildcard
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme == "" || u.Host == "" || u.User != nil || u.Path != "" || strings.ContainsAny(text, "?#@") {
		return "", errForm
	}
	host, err := canonicalHost(u.Hostname(), strings.HasPrefix(u.Host, "["))
	if err != nil {
		return "", err
	}
	port, err := canonicalPort(u)
	if err != nil {
		return "", err
	}
	return strings.ToLower(u.Scheme) + "://" + host + port, nil
}

// canonicalHost returns the name or address in the form of a URL.
func canonicalHost(host string, bracketed bool) (string, error) {
	address, err := netip.ParseAddr(host)
	switch {
	case err == nil && address.Is4():
		return address.String(), nil
	case err == nil && bracketed && address.Zone() == "":
		return "[" + address.String() + "]", nil
	case bracketed:
		return "", errHost
	}
	// The profile for look-ups, but with underscores, which container names have.
	profile := idna.New(idna.MapForLookup(), idna.Transitional(false), idna.BidiRule(), idna.StrictDomainName(false))
	ascii, err := profile.ToASCII(host)
	if err != nil || ascii == "" || strings.ContainsFunc(ascii, notOfName) {
		return "", errHost
	}
	if again, err := profile.ToASCII(ascii); err != nil || again != ascii {
		return "", errHost // no browser sends it
	}
	if address, err := netip.ParseAddr(ascii); err == nil {
		return address.String(), nil // an address in wide digits
	}
	return ascii, nil
}

// notOfName reports whether a character is not allowed in a host name.
func notOfName(r rune) bool {
	return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '.' && r != '_'
}

// canonicalPort returns ":port", or an empty text for the default port of the
// scheme.
func canonicalPort(u *url.URL) (string, error) {
	text := u.Port()
	if text == "" {
		if strings.HasSuffix(u.Host, ":") {
			return "", errPort
		}
		return "", nil
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil || port == 0 {
		return "", errPort
	}
	if text = strconv.FormatUint(port, 10); text == defaultPort(strings.ToLower(u.Scheme)) {
		return "", nil
	}
	return ":" + text, nil
}

func defaultPort(scheme string) string {
	switch scheme {
	case "http", "ws":
		return "80"
	case "https", "wss":
		return "443"
	default:
		return ""
	}
}

// IsLoopback reports whether a canonical origin is a page of the browser's own machine:
// http or https, and a host that is exactly localhost, an address of 127.0.0.0/8 or [::1].
func IsLoopback(canonical string) bool {
	u, err := url.Parse(canonical)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" {
		return false
	}
	host := u.Hostname()
	address, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && address.IsLoopback() && !address.Is4In6()
}
