package httpserver

import (
	"net/http"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// CanonicalUUID is canonicalUUID.
func CanonicalUUID(s string) (string, bool) { return canonicalUUID(s) }

// DocsServed is docsServed.
func DocsServed(setting string, e domain.Environment) (served, ok bool) {
	return docsServed(setting, e)
}

// MayRegister reports whether a route with this access and limit can be registered.
func MayRegister(access Access, limit domain.LimitClass) bool {
	s, err := newRouter(&middleware{responder: &responder{}, limits: &limits{}})
	return err == nil && s.addRoutes([]routeDef{{"GET", "/x", access, limit, noRoute}}) == nil
}

// RefusedOrigins is refusedOrigins.
type RefusedOrigins struct{ refusedOrigins }

// Add is add.
func (r *RefusedOrigins) Add(origin string) bool { return r.add(origin) }

// Handler returns the server's handler without its socket.
func (s *Server) Handler() http.Handler { return s.http.Handler }

// NewCachedProbe returns a probe that asks p at most once a second.
func NewCachedProbe(p ports.HealthProbe) ports.HealthProbe { return &cachedProbe{probe: p} }
