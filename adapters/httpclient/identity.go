package httpclient

import "github.com/huleedu/edge/domain"

// serviceID is how the gateway introduces itself on internal routes.
const serviceID = "api-gateway-service"

// identify says on whose behalf a request is made.
func (f *fields) identify(caller domain.Caller) {
	id := domain.IdentityOf(caller)
	if id.Encoding != "" {
		f.set("X-Identity-Encoding", id.Encoding)
	}
	f.set("X-User-Id", id.User)
	if id.Org != "" {
		f.set("X-Org-Id", id.Org)
	}
}
