package domain

import "net/url"

// Identity is a caller as header fields carry it to the services behind us.
type Identity struct {
	// User is never empty; Org is empty for a caller without organisation.
	User, Org string
	// Encoding is "url" when both names are percent-encoded, else empty.
	Encoding string
}

// IdentityOf spells a caller for headers. When either name holds what a header
// cannot carry unchanged, both are percent-encoded: a receiver needs to look at
// one place.
func IdentityOf(c Caller) Identity {
	if FitsHeader(string(c.User)) && FitsHeader(c.Org) {
		return Identity{User: string(c.User), Org: c.Org}
	}
	return Identity{User: url.PathEscape(string(c.User)), Org: url.PathEscape(c.Org), Encoding: "url"}
}

// FitsHeader reports whether a header field carries the value as it is:
// printable ASCII, and no space at an end, which receivers cut off (" anna"
// would become anna).
func FitsHeader(s string) bool {
	if s == "" {
		return true
	}
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return s[0] != ' ' && s[len(s)-1] != ' '
}
