package domain

import "net/url"

// Identity is a caller in the form of the header fields for downstream services.
type Identity struct {
	// User is never empty; Org is empty for a caller without organisation.
	User, Org string
	// Encoding is "url" when both values are percent-encoded, else empty.
	Encoding string
}

// IdentityOf returns the header values of a caller. If one of them cannot be sent
// unchanged, both are percent-encoded, so that one header tells the encoding of both.
func IdentityOf(c Caller) Identity {
	if FitsHeader(string(c.User)) && FitsHeader(c.Org) {
		return Identity{User: string(c.User), Org: c.Org}
	}
	return Identity{User: url.PathEscape(string(c.User)), Org: url.PathEscape(c.Org), Encoding: "url"}
}

// FitsHeader reports whether a header field can carry the value unchanged: printable
// ASCII without leading or trailing spaces, which receivers trim (" anna" would
// become "anna").
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
