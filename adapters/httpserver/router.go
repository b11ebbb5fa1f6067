package httpserver

import (
	"context"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/huleedu/edge/adapters/httpserver/decode"
	"github.com/huleedu/edge/adapters/internal/httpreason"
	"github.com/huleedu/edge/domain"
)

// router matches requests to the routes of one listener.
type router struct {
	*middleware
	engine *gin.Engine
	routes []Route
	// draining ends when the server stops, by drain. It ends event streams and shortens the
	// wait for bodies.
	draining context.Context
	drain    context.CancelFunc
}

// newRouter creates a router without routes. Paths are matched as they were sent, so that
// an encoded slash never becomes a separator, and nothing is redirected.
func newRouter(m *middleware) (*router, error) {
	gin.SetMode(gin.ReleaseMode)
	e := gin.New()
	e.UseRawPath = true
	e.UseEscapedPath = true
	e.UnescapePathValues = false // gin reads + as a space; see batchID
	e.RedirectTrailingSlash = false
	e.RedirectFixedPath = false
	e.HandleMethodNotAllowed = true
	if err := e.SetTrustedProxies(nil); err != nil { // package clientip finds the client
		return nil, domain.NotStarted("router", err)
	}
	s := &router{middleware: m, engine: e}
	s.draining, s.drain = context.WithCancel(context.Background())
	e.NoRoute(s.chain(routeDef{access: Anyone, handle: noRoute})...)
	e.NoMethod(s.chain(routeDef{access: Anyone, handle: noMethod})...)
	return s, nil
}

// addRoutes registers a table; each GET is also registered as HEAD.
func (s *router) addRoutes(table []routeDef) error {
	for _, r := range table {
		if !r.isComplete() {
			return domain.NotStarted("route "+r.method+" "+r.path, nil)
		}
		s.addRoute(r)
		if r.method == http.MethodGet {
			r.method = http.MethodHead
			s.addRoute(r)
		}
	}
	return nil
}

func (s *router) addRoute(r routeDef) {
	s.routes = append(s.routes, Route{Method: r.method, Path: r.path, Access: r.access, Limit: r.limit})
	s.engine.Handle(r.method, r.pattern(), s.chain(r)...)
}

// chain returns the middleware of a route, outermost first, and its handler. Errors
// inside recoverPanic are answered in the standard form.
func (s *router) chain(r routeDef) gin.HandlersChain {
	chain := gin.HandlersChain{s.beginRequest(newEndpoint(r)), s.accessLog, s.recoverPanic, s.cors}
	if r.access != Operator { // no service behind reads those paths, and a user id may contain a slash
		chain = append(chain, s.requireSafePath)
	}
	if r.access == User {
		chain = append(chain, s.authenticate)
	}
	if r.access == Operator {
		chain = append(chain, s.authorizeOperator)
	}
	if r.limit != "" && r.limit != LimitNone {
		chain = append(chain, s.limit(r.limit))
	}
	return append(chain, func(c *gin.Context) {
		if err := r.handle(c); err != nil {
			s.fail(c, err)
		}
	})
}

func noRoute(c *gin.Context) error {
	return &domain.Error{
		Code: domain.ResourceNotFound, Message: "Route not found",
		Details: map[string]any{"resource_type": "route", "resource_id": decode.Clip(c.Request.URL.EscapedPath(), maxPathText)},
	}
}

func noMethod(*gin.Context) error {
	return &domain.Error{Code: domain.InvalidRequest, Reason: httpreason.WrongMethod, Message: "Method not allowed"}
}
