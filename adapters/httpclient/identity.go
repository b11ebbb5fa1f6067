package httpclient

import "github.com/huleedu/edge/domain"

// serviceID is how the gateway introduces itself on internal routes.
const serviceID = "api-gateway-service"

// identify says on whose behalf a request is made.
func (w *writing) identify(caller domain.Caller) {
	id := domain.IdentityOf(caller)
	if id.Encoding != "" {
		w.field("X-Identity-Encoding", id.Encoding)
	}
	w.field("X-User-Id", id.User)
	if id.Org != "" {
		w.field("X-Org-Id", id.Org)
	}
}
