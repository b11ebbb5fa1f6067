package httpclient

import (
	"github.com/huleedu/edge/adapters/internal/identity"
	"github.com/huleedu/edge/domain"
)

// serviceID is how the gateway introduces itself on internal routes.
const serviceID = "api-gateway-service"

// addIdentity says on whose behalf a request is made.
func (w *requestWriter) addIdentity(caller domain.Caller) {
	id := identity.Of(caller)
	if id.Encoding != "" {
		w.addField("X-Identity-Encoding", id.Encoding)
	}
	w.addField("X-User-Id", id.User)
	if id.Org != "" {
		w.addField("X-Org-Id", id.Org)
	}
}
