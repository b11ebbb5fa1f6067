// Package bearer parses bearer credentials (RFC 6750) for the adapters that speak HTTP.
package bearer

import (
	"strings"

	"github.com/huleedu/edge/domain"
)

// Token returns the token of an Authorization header (RFC 6750 section 2.1). The scheme
// is not case-sensitive. It returns an AUTHENTICATION_ERROR for an empty header, and when
// the scheme is not followed by exactly one word.
func Token(header string) (string, error) {
	if strings.TrimSpace(header) == "" {
		return "", domain.NotAuthenticated()
	}
	words := strings.Fields(header)
	if len(words) != 2 || !strings.EqualFold(words[0], "bearer") {
		return "", domain.MalformedCredentials()
	}
	return words[1], nil
}
