package httpclient

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/huleedu/edge/domain"
)

// serviceID is how the gateway introduces itself on internal routes.
const serviceID = "api-gateway-service"

// identify says on whose behalf a request is made. When either name holds what
// a header cannot carry unchanged, both are percent-encoded and one header says
// so: a receiver needs to look at one place.
func identify(h http.Header, caller domain.Caller) {
	user, org := string(caller.User), caller.Org
	if !plain(user) || !plain(org) {
		user, org = url.PathEscape(user), url.PathEscape(org)
		h.Set("X-Identity-Encoding", "url")
	}
	h.Set("X-User-Id", user)
	if org != "" {
		h.Set("X-Org-Id", org)
	}
}

// plain reports whether a header carries the value as it is: printable ASCII,
// and no space at an end, which receivers cut off (" anna" would become anna).
func plain(s string) bool {
	outside := func(r rune) bool { return r < ' ' || r > '~' }
	return !strings.ContainsFunc(s, outside) && strings.TrimSpace(s) == s
}
