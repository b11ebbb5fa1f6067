package httpclient

import (
	"net/http"

	"github.com/huleedu/edge/domain"
)

// serviceID is how the gateway introduces itself on internal routes.
const serviceID = "api-gateway-service"

// identify says on whose behalf a request is made.
func identify(h http.Header, caller domain.Caller) {
	id := domain.IdentityOf(caller)
	if id.Encoding != "" {
		h.Set("X-Identity-Encoding", id.Encoding)
	}
	h.Set("X-User-Id", id.User)
	if id.Org != "" {
		h.Set("X-Org-Id", id.Org)
	}
}
