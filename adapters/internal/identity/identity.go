// Package identity encodes a caller for the header fields of requests to downstream
// services.
package identity

import (
	"net/url"

	"github.com/huleedu/edge/domain"
)

// Fields are the values of the header fields that name a caller.
type Fields struct {
	// User is never empty; Org is empty for a caller without organisation.
	User, Org string
	// Encoding is "url" when both values are percent-encoded, else empty.
	Encoding string
}

// Of returns the header values of a caller. If one of them cannot be sent unchanged, both
// are percent-encoded, so that one header tells the encoding of both.
func Of(c domain.Caller) Fields {
	if FitsHeader(string(c.User)) && FitsHeader(c.Org) {
		return Fields{User: string(c.User), Org: c.Org}
	}
	return Fields{User: url.PathEscape(string(c.User)), Org: url.PathEscape(c.Org), Encoding: "url"}
}

// FitsHeader reports whether a header field can carry the value unchanged: printable
// ASCII without leading or trailing spaces, which receivers trim (" anna" would
// become "anna").
func FitsHeader(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return s == "" || s[0] != ' ' && s[len(s)-1] != ' '
}
